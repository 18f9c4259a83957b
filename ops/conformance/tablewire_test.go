package conformance

import (
	"bytes"
	"fmt"
)

// optRapid and optFQDN are of RFC 4039 and RFC 4702.
const (
	optRapid = 80
	optFQDN  = 81
)

// atOnce is what a DISCOVER brings beside an OFFER, or instead of one (rows V4-111 and V4-115), and the name of the
// client (row V4-069).
func atOnce() []Vector {
	quick, patient := by("10.83.0.1"), by("10.84.0.1")
	rapid := opt(optRapid)
	wired := []byte("\x07printer\x07example\x03org\x00")
	fqdn := func(flags byte, name ...byte) Edit { return opt(optFQDN, append([]byte{flags, 0, 0}, name...)...) }
	answered := func(flags byte, name ...byte) Check {
		return that(func(r *Reply, _ *Memory) string {
			switch got := r.Get(optFQDN); {
			case len(got) < 3:
				return "without option 81"
			case !bytes.Equal(got[:3], []byte{flags, 255, 255}):
				return fmt.Sprintf("option 81 with flags %02x, codes %d and %d", got[0], got[1], got[2])
			case !bytes.Equal(got[3:], name):
				return fmt.Sprintf("option 81 with the name %q", got[3:])
			}
			return ""
		})
	}
	const noRapid = "RFC 4039: a server MAY do so. Of the others dnsmasq alone can, on all links or on none."
	const noUpdates = "RFC 4702 §2: N says that the server updates nothing, S is 0 then, and both codes are 255. Nothing " +
		"updates the DNS here; Kea says so, with other codes."
	return []Vector{
		{Rows: "V4-111 W-015", Asks: "rapid commit: ACK with option 80, and a lease", Note: noRapid, Steps: then(
			discover(quick, rapid).want(ack(), every(optRapid, optLease), inside("10.83.0.0/24")),
			renew(leased).want(ack(), yours(leased), none(optRapid)))},
		{Rows: "V4-111", Asks: "rapid commit again: the same address", Note: noRapid, Steps: then(
			discover(quick, rapid).want(ack()).before(), discover(quick, rapid).want(ack(), yours(leased)))},
		{Rows: "V4-111", Asks: "rapid commit of an address that another has: another one", Note: noRapid, Steps: then(
			discover(quick, rapid).want(ack()).before(),
			discover(quick, rapid, asks(other(0))).client(1).want(ack(), notYours(other(0))))},
		{Rows: "V4-111", Asks: "rapid commit not asked for: OFFER without option 80", Steps: then(
			discover(quick, list(1, optRapid)).want(offer(), none(optRapid)))},
		{Rows: "V4-111", Asks: "rapid commit where it is off: OFFER without option 80", Note: noRapid, Steps: then(
			discover(rapid).want(offer(), none(optRapid)))},
		{Rows: "V4-115", Asks: "secs below min-secs: silence", Steps: then(discover(patient, secs(4)).silent()),
			Note: "ISC dhcpd alone has the setting beside us."},
		{Rows: "V4-115", Asks: "secs of min-secs: OFFER", Steps: then(discover(patient, secs(5)).want(offer()))},
		{Rows: "V4-115 W-005", Asks: "secs below min-secs, octets swapped: silence", Steps: then(
			discover(patient, secs(0x0400)).silent()),
			Note: "Some clients swap the octets (HA-003). ISC dhcpd looks for that if `check-secs-byte-order` says so."},
		{Rows: "V4-115", Asks: "a REQUEST whatever secs says: ACK", Steps: then(
			discover(patient, secs(5)).want(offer()).before(), selecting(patient, secs(0)).want(ack(), yours(leased)))},
		{Rows: "V4-069", Asks: "option 81 not sent: none in the reply", Steps: then(
			discover(list(1, optFQDN)).want(offer(), none(optFQDN)))},
		{Rows: "V4-069", Asks: "option 81 with S: N and O in OFFER and ACK, the name as it came", Note: noUpdates, Steps: then(
			discover(fqdn(5, wired...)).want(offer(), answered(0x0e, wired...)),
			selecting(fqdn(5, wired...)).want(ack(), answered(0x0e, wired...)))},
		{Rows: "V4-069", Asks: "option 81 without S: N alone", Note: noUpdates, Steps: then(
			discover(fqdn(4, wired...)).want(offer(), answered(0x0c, wired...)))},
		{Rows: "V4-069", Asks: "option 81 with N: N alone", Note: noUpdates, Steps: then(
			discover(fqdn(0x0c, wired...)).want(offer(), answered(0x0c, wired...)))},
		{Rows: "V4-069", Asks: "option 81 in ASCII: answered in ASCII", Note: noUpdates, Steps: then(
			discover(fqdn(1, []byte("printer.example.org")...)).want(offer(), answered(0x0a, []byte("printer.example.org")...)))},
	}
}
