// Package wire4 translates between the octets of a BOOTP or DHCPv4 message and the types of package dhcp4
// (RFC 951, RFC 2131 §2, RFC 2132, RFC 3396). It is lenient in what it takes, because real clients are
// careless, and strict in what it sends, because real clients are fragile.
//
// Read parse.go, then encode.go; the layout of the fixed header stands here.
//
// This package is a codec.
package wire4

// The fixed header of a message (RFC 2131 §2), offsets in octets.
const (
	opAt     = 0
	hTypeAt  = 1
	hLenAt   = 2
	hopsAt   = 3
	xidAt    = 4
	secsAt   = 8
	flagsAt  = 10
	ciAddrAt = 12
	yiAddrAt = 16
	siAddrAt = 20
	giAddrAt = 24
	chAddrAt = 28
	snameAt  = 44
	fileAt   = 108
	vendAt   = 236 // the options: magic cookie first

	headerLen = vendAt
	cookieLen = 4
	snameLen  = fileAt - snameAt
	fileLen   = vendAt - fileAt
	vendLen   = 64 // of BOOTP (RFC 951 §3)
)

// The values of op.
const (
	bootRequest = 1
	bootReply   = 2
)

// magicCookie opens the options of every message that has some (RFC 2131 §3).
const magicCookie = "\x63\x82\x53\x63"

// The options that this package must understand to do its work (RFC 2132).
const (
	optPad            = 0
	optRequestedAddr  = 50
	optLeaseTime      = 51
	optOverload       = 52
	optMessageType    = 53
	optServerID       = 54
	optMaxSize        = 57
	optRenewal        = 58
	optRebinding      = 59
	optRapidCommit    = 80
	optRelayAgentInfo = 82
	optAutoConfigure  = 116
	optSubnetSelect   = 118
	optEnd            = 255
)

// The bits of option 52: which of the fields carry options instead of a name (RFC 2132 §9.3).
const (
	overloadFile  = 1
	overloadSName = 2
)
