package config

import (
	"fmt"
	"strconv"
	"strings"

	"port67/storage/lease"
)

// spanUnits are the units of a span as people write it, longest first.
var spanUnits = [...]struct {
	letter  byte
	seconds uint64
}{{'w', 7 * 86400}, {'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}}

// ParseSeconds reads a span as people write it: 90s, 15m, 1h30m, 7d, 2w or infinite. Units come longest
// first and each at most once. A number without a unit is refused, because 15 may mean seconds or minutes.
// A finite span that DHCP cannot carry is refused (RFC 2131 §3.3).
func ParseSeconds(s string) (lease.Seconds, error) {
	if s == "infinite" {
		return lease.Infinite, nil
	}
	if _, err := strconv.ParseUint(s, 10, 64); err == nil {
		return 0, fmt.Errorf("%s has no unit: write %ss, %sm, %sh or infinite", s, s, s, s)
	}
	var total uint64
	rest, unit := s, 0
	for rest != "" {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		n, err := strconv.ParseUint(rest[:digits], 10, 32)
		if err != nil || digits == len(rest) {
			return 0, spanError(s)
		}
		for unit < len(spanUnits) && spanUnits[unit].letter != rest[digits] {
			unit++
		}
		if unit == len(spanUnits) {
			return 0, spanError(s)
		}
		total += n * spanUnits[unit].seconds
		rest, unit = rest[digits+1:], unit+1
	}
	if s == "" {
		return 0, spanError(s)
	}
	if total >= uint64(lease.Infinite) {
		return 0, fmt.Errorf("%s is longer than DHCP can carry (4294967294s): write less, or infinite", s)
	}
	return lease.Seconds(total), nil
}

func spanError(s string) error {
	return fmt.Errorf("%q is no span of time: write as in 90s, 15m, 1h30m, 7d or infinite", s)
}

// FormatSeconds writes d so that ParseSeconds reads it back: in the longest of the units h, m and s that
// leaves no rest.
func FormatSeconds(d lease.Seconds) string {
	switch {
	case d == lease.Infinite:
		return "infinite"
	case d == 0:
		return "0s"
	case d%3600 == 0:
		return strconv.FormatUint(uint64(d/3600), 10) + "h"
	case d%60 == 0:
		return strconv.FormatUint(uint64(d/60), 10) + "m"
	}
	return strconv.FormatUint(uint64(d), 10) + "s"
}

// ParsePermille reads a percentage with at most one decimal: 50%, 87.5%.
func ParsePermille(s string) (Permille, error) {
	number, ok := strings.CutSuffix(s, "%")
	if !ok {
		return 0, fmt.Errorf("%q is no percentage: write as in 50%% or 87.5%%", s)
	}
	v, ok := decimal(strings.TrimSpace(number), 1)
	if !ok {
		return 0, fmt.Errorf("%q is no percentage: write as in 50%% or 87.5%%, with at most one decimal", s)
	}
	return Permille(v), nil
}

// String returns p as ParsePermille reads it.
func (p Permille) String() string {
	return formatDecimal(uint32(p), 10) + "%"
}

// ParseFactor reads a factor with at most two decimals and returns it in percent: 2 is 200, 1.25 is 125.
func ParseFactor(s string) (percent uint32, err error) {
	v, ok := decimal(s, 2)
	if !ok {
		return 0, fmt.Errorf("%q is no factor: write as in 2 or 1.5, with at most two decimals", s)
	}
	return v, nil
}

// FormatFactor writes what ParseFactor reads.
func FormatFactor(percent uint32) string {
	if percent%100 != 0 && percent%10 == 0 {
		return formatDecimal(percent/10, 10)
	}
	return formatDecimal(percent, 100)
}

// decimal reads a number with at most places decimals and returns it times 10 to the power of places.
func decimal(s string, places int) (uint32, bool) {
	whole, fraction, point := strings.Cut(s, ".")
	if point && fraction == "" || len(fraction) > places || len(whole) > 6 {
		return 0, false
	}
	v, err := strconv.ParseUint(whole+fraction+strings.Repeat("0", places-len(fraction)), 10, 32)
	if err != nil || whole == "" {
		return 0, false
	}
	return uint32(v), true
}

func formatDecimal(v, unit uint32) string {
	s := strconv.FormatUint(uint64(v/unit), 10)
	if r := v % unit; r != 0 {
		s += "." + strings.Repeat("0", len(strconv.FormatUint(uint64(unit), 10))-1-
			len(strconv.FormatUint(uint64(r), 10))) + strconv.FormatUint(uint64(r), 10)
	}
	return s
}
