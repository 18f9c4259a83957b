package admin

import (
	"encoding/hex"

	adminv1 "port67/proto/admin/v1"
	"port67/storage/config"
	"port67/storage/configfile"
)

// The sub-options of the relay agent information that people look for (RFC 3046 §3.1, §3.2).
const (
	subOptionCircuitID = 1
	subOptionRemoteID  = 2
)

// relayIDs finds the circuit ID and the remote ID in a relay agent information option, for people. An option
// cut short yields what stands before the cut.
func relayIDs(info string) (circuit, remote string) {
	for len(info) >= 2 {
		code, length := info[0], int(info[1])
		if len(info) < 2+length {
			return circuit, remote
		}
		value := info[2 : 2+length]
		switch code {
		case subOptionCircuitID:
			circuit = octetsText(value)
		case subOptionRemoteID:
			remote = octetsText(value)
		}
		info = info[2+length:]
	}
	return circuit, remote
}

// octetsText returns octets as text if every one is printable ASCII, else as hex:….
func octetsText(octets string) string {
	for i := range len(octets) {
		if octets[i] < ' ' || octets[i] > '~' {
			return "hex:" + hex.EncodeToString([]byte(octets))
		}
	}
	return octets
}

// parseHardware reads an Ethernet address as the configuration file has it.
func parseHardware(text string) ([]byte, bool) {
	b, err := configfile.ParseHardware(text)
	return b, err == nil && len(b) == 6
}

// optionsOf translates options for the API, with names and values as the configuration file has them.
func optionsOf(c *config.Config, options []config.Option) []*adminv1.Option {
	definitions := c.Definitions()
	var out []*adminv1.Option
	for _, o := range options {
		out = append(out, &adminv1.Option{
			Code: uint32(o.Code), Name: definitions.Name(o.Code), Value: config.ValueWords(definitions, o),
		})
	}
	return out
}
