package config

import (
	"fmt"
	"strings"
)

// checkHostname refuses what is no host name (RFC 1123 §2.1): labels of letters, digits and hyphens.
func checkHostname(s string) error {
	if len(s) > 253 {
		return fmt.Errorf("%d octets: at most 253", len(s))
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return fmt.Errorf("%q is no host name: a label has 1 to 63 letters, digits or hyphens, no hyphen "+
				"at its ends", s)
		}
		for i := range len(label) {
			if !isAlphanumeric(label[i]) && label[i] != '-' {
				return fmt.Errorf("%q is no host name: %q is no letter, digit or hyphen", s, label[i])
			}
		}
	}
	return nil
}

func isAlphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
