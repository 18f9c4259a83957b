package server

import (
	"fmt"
	"slices"
	"strings"

	"port67/storage"
	"port67/storage/config"
	"port67/storage/lease"
)

// RungLine is a rung on which an address was looked for (RFC 2131 §4.3.1).
type RungLine struct {
	Rung    string // reserved, own, asked or free
	Where   string // an address or a pool; empty if there was nothing to look at
	Verdict string // taken, passed over, or nothing there
	Why     string
}

// Rungs says how an address was looked for; nothing if none was, as for a client that names one.
func (x *Explanation) Rungs() []RungLine {
	search := &x.Trace.Search
	if search.Searches == 0 {
		return nil
	}
	var out []RungLine
	taken := false
	for rung := storage.RungReserved; rung <= storage.RungFree && !taken; rung++ {
		before := len(out)
		for _, s := range search.Steps {
			if s.Rung != rung {
				continue
			}
			line := RungLine{Rung: rungWord(rung), Verdict: "passed over", Why: s.Why}
			switch {
			case s.Pool != nil:
				line.Where, line.Why = s.Pool.Range.String(), s.Why+x.fullness(s.Pool)
			case s.Addr.IsValid():
				line.Where = s.Addr.String()
			}
			if s.Taken {
				line.Verdict, taken = "taken", true
				line.Why = x.whyTaken(rung, s)
			}
			out = append(out, line)
		}
		if len(out) == before {
			out = append(out, RungLine{Rung: rungWord(rung), Verdict: "nothing there", Why: nothingThere(rung)})
		}
	}
	return out
}

func rungWord(r storage.Rung) string {
	switch r {
	case storage.RungReserved:
		return "reserved"
	case storage.RungOwn:
		return "own"
	case storage.RungAsked:
		return "asked"
	case storage.RungFree:
		return "free"
	}
	return "?"
}

// nothingThere says why there was nothing to look at on a rung.
func nothingThere(r storage.Rung) string {
	switch r {
	case storage.RungReserved:
		return "no address is reserved for the client on this link"
	case storage.RungOwn:
		return "the client never had an address of this link, or others had it since"
	case storage.RungAsked:
		return "the client asks for no address, and has none on offer"
	case storage.RungFree:
		return "the link has no pools"
	}
	return ""
}

// whyTaken says why a rung gave an address.
func (x *Explanation) whyTaken(r storage.Rung, s storage.Step) string {
	switch r {
	case storage.RungReserved:
		return "reserved for the client"
	case storage.RungOwn:
		for i := range x.Leases {
			if x.Leases[i].Addr == s.Addr && x.Leases[i].StatusAt(x.Clock) != lease.Bound {
				return "the client had it before, and nobody else since"
			}
		}
		return "the client has it"
	case storage.RungAsked:
		return "the client asks for it, or has it on offer, and it is free"
	case storage.RungFree:
	}
	part := "free, in this node's part"
	if x.Trace.Search.Everywhere {
		part = "free"
	}
	for _, p := range x.Pools {
		if p.Pool.Range.Contains(s.Addr) {
			return part + " of pool " + p.Pool.Range.String() + x.fullness(p.Pool)
		}
	}
	return part
}

// fullness says how full a pool is.
func (x *Explanation) fullness(pool *config.CompiledPool) string {
	for _, p := range x.Pools {
		if p.Pool.Range == pool.Range {
			return fmt.Sprintf(" (%d of %d in use)", p.Use.Held, p.Use.Size)
		}
	}
	return ""
}

// OptionLine is an option of the reply, or one that is left out of it.
type OptionLine struct {
	Code  uint8
	Name  string
	Value string // as the configuration file has it; empty if there is none
	Sent  bool
	// From is where the value comes from: a level of the configuration, or what makes it.
	From string
	// Why is why it is not sent.
	Why string
}

// Options says of every option of the reply where it comes from; then of those that the client asks for, and
// of those that are configured for it, why they are left out.
func (x *Explanation) Options() []OptionLine {
	if x.Payload == nil || x.Config == nil || !x.Trace.Replied {
		return nil
	}
	m, t := &x.Trace.Message, &x.Trace
	definitions, levels := x.Config.Config.Definitions(), x.levels()
	line := func(code uint8, data []byte) OptionLine {
		o := config.Option{Code: code, Data: data}
		if t.Effective != nil {
			for _, set := range t.Effective.Options {
				if set.Code == code {
					o.Space = set.Space
				}
			}
		}
		return OptionLine{
			Code: code, Name: definitions.Name(code), Value: config.ValueWords(definitions, o),
			From: x.optionFrom(levels, code),
		}
	}
	var out []OptionLine
	have := make(map[uint8]bool)
	for _, o := range m.Options {
		l := line(o.Code, o.Data)
		l.Sent = !slices.Contains(x.Dropped, o.Code)
		if !l.Sent {
			l.Why = fmt.Sprintf("no room in a datagram of %d octets", m.MaxSize)
		}
		have[o.Code] = true
		out = append(out, l)
	}
	if t.Effective == nil {
		return out
	}
	wanted, asks := x.Query.Wanted()
	leftOut := func(code uint8, data []byte, why string) {
		l := line(code, data)
		l.Why = why
		if data == nil {
			l.Value, l.From = "", ""
		}
		have[code] = true
		out = append(out, l)
	}
	if asks {
		for _, code := range wanted {
			if data, _ := t.Effective.Option(code); !have[code] && code != 0 && code != 255 {
				leftOut(code, data, x.whyNot(levels, code, data != nil))
			}
		}
	}
	for _, o := range t.Effective.Options {
		if !have[o.Code] {
			why := x.whyNot(levels, o.Code, true)
			if !t.Effective.NeverSend[o.Code] && !slices.Contains(wanted, o.Code) {
				why = "set, but the client does not ask for it"
			}
			leftOut(o.Code, o.Data, why)
		}
	}
	return out
}

// The options that a server sends by rules of its own, whatever is asked for or configured (RFC 2131 §4.3.1).
const (
	codeMask       = 1
	codeHostname   = 12
	codeBroadcast  = 28
	codeVendor     = 43
	codeAddress    = 50
	codeLease      = 51
	codeOverload   = 52
	codeType       = 53
	codeServer     = 54
	codeList       = 55
	codeMessage    = 56
	codeMaxSize    = 57
	codeT1         = 58
	codeT2         = 59
	codeClass      = 60
	codeClientID   = 61
	codeTFTPServer = 66
	codeBootFile   = 67
	codeRapid      = 80
	codeRelayInfo  = 82
	codeMachine    = 97
	codeSelection  = 118
	codeRoutes     = 121
	codeMSRoutes   = 249
)

// whyNot says why an option is not in the reply that the client asks for, or that is set.
func (x *Explanation) whyNot(levels []config.Level, code uint8, set bool) string {
	if x.Trace.Effective.NeverSend[code] {
		return "never-send in " + config.Origin(levels, func(s *config.Settings) bool {
			return slices.Contains(s.NeverSend, code)
		})
	}
	switch code {
	case codeAddress, codeLease, codeOverload, codeType, codeServer, codeList, codeMaxSize, codeT1, codeT2,
		codeClientID, codeRapid, codeRelayInfo, codeSelection:
		return "a server sends it by rules of its own, or not at all"
	}
	if !set {
		return "asked for, but not set"
	}
	return "not for this client or kind of reply"
}

// optionFrom says where the value of an option that is in the reply, or could be, comes from.
func (x *Explanation) optionFrom(levels []config.Level, code uint8) string {
	setting := func(word string, set func(*config.Settings) bool) string {
		return word + " (" + config.Origin(levels, set) + ")"
	}
	switch code {
	case codeType, codeServer, codeMessage, codeRapid:
		return "the protocol"
	case codeClientID, codeRelayInfo, codeSelection:
		return "as the client or its relay sent it"
	case codeLease:
		return "lease time"
	case codeT1:
		return setting("t1", func(s *config.Settings) bool { return s.T1 != nil })
	case codeT2:
		return setting("t2", func(s *config.Settings) bool { return s.T2 != nil })
	}
	if from := config.OptionOrigins(levels, code, x.Trace.Decision.Classes); len(from) > 0 {
		return strings.Join(from, ", ")
	}
	switch code {
	case codeMask, codeBroadcast:
		return "the subnet's prefix"
	case codeHostname:
		return "host name of the reservation"
	case codeTFTPServer:
		if x.Trace.Effective != nil && x.Trace.Effective.ServerName == "" {
			return setting("next-server", func(s *config.Settings) bool { return s.NextServer.IsValid() })
		}
		return setting("server-name", func(s *config.Settings) bool { return s.ServerName != "" })
	case codeBootFile:
		return setting("boot-file-name", func(s *config.Settings) bool { return s.BootFile != "" })
	case codeMSRoutes:
		return strings.Join(config.OptionOrigins(levels, codeRoutes, x.Trace.Decision.Classes), ", ")
	case codeClass, codeVendor, codeMachine:
		return "what firmware that boots expects"
	}
	if x.Trace.Effective == nil {
		return "the settings of the client's link" // Of an OFFER of no address.
	}
	return "what the server makes of the message"
}
