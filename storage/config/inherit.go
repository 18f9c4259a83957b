package config

import (
	"cmp"
	"net/netip"
	"slices"

	"port67/storage/lease"
	"port67/storage/option"
)

// Effective is Settings with nothing unset: what holds at one level after inheritance. It is shared and never
// changed after Compile.
type Effective struct {
	LeaseDefault, LeaseMin, LeaseMax lease.Seconds
	// PressureMax is the longest lease time from PressureAbove of the pool in use on; 0 if there is none.
	PressureAbove       Permille
	PressureMax         lease.Seconds
	T1, T2, TimerSpread Permille
	KeepExpiry          bool
	Authoritative       bool
	EchoClientID        bool
	AlwaysBroadcast     bool
	AdoptUnknown        bool
	NAKOffLinkRenew     bool
	IPv6Only            bool
	RapidCommit         bool
	MinSecs             lease.Seconds
	NextServer          netip.Addr
	ServerName          string
	BootFile            string
	Layout              EffectiveLayout
	Identity            EffectiveIdentity
	Probe               EffectiveProbe
	BOOTP               EffectiveBOOTP
	// Options has every configured option once, by ascending code; the innermost level won.
	Options    []Option
	AlwaysSend [256]bool
	NeverSend  [256]bool

	// guarded are the options for some classes only, the innermost level first; of those that a client may
	// have the first one of a code stands before Options.
	guarded []compiledOption
}

// Option returns the value of an option as it stands on the wire. The caller does not change it.
func (e *Effective) Option(code uint8) ([]byte, bool) {
	i, ok := slices.BinarySearchFunc(e.Options, code, byCode)
	if !ok {
		return nil, false
	}
	return e.Options[i].Data, true
}

// EffectiveFor returns what holds for a client of these classes that is served from pool or by reservation
// res in sub (V4-064): the reservation overrules the classes, these the pool, the subnet, the shared network
// and the global settings. Where two classes disagree, the one that stands first in the file wins. Any
// argument may be nil; without sub the global settings hold.
//
// The result is shared: the caller does not change it. Without classes that have settings it costs no
// allocation, unless both pool and reservation have settings of their own, the reservation stands in another
// subnet of the link, or an option has a guard. Of a reservation in another subnet the client has its own
// settings, and those of the subnet it is served from.
func (c *Compiled) EffectiveFor(sub *CompiledSubnet, pool *CompiledPool, res *CompiledReservation,
	classes []string,
) *Effective {
	outer := c.Global
	if sub != nil {
		outer = sub.Effective
	}
	if pool != nil {
		outer = pool.Effective
	}
	inClasses := c.settingsOf(classes)
	switch {
	case len(inClasses) > 0:
		for _, s := range slices.Backward(inClasses) {
			outer = outer.under(s)
		}
	case res == nil:
		return outer.forClasses(classes)
	case res.Subnet == sub && (pool == nil || pool.Effective == sub.Effective):
		return res.Effective.forClasses(classes)
	}
	if res != nil {
		outer = outer.under(&res.Settings)
	}
	return outer.forClasses(classes)
}

// forClasses returns e with those of its guarded options that clients of these classes get.
func (e *Effective) forClasses(classes []string) *Effective {
	if len(e.guarded) == 0 {
		return e
	}
	out := *e
	out.guarded = nil
	for _, o := range slices.Backward(e.guarded) {
		if o.guard.open(classes) {
			out.Options = overlay(out.Options, []Option{o.Option})
		}
	}
	return &out
}

// settingsOf returns the settings of those classes that have any, in the order of the file.
func (c *Compiled) settingsOf(classes []string) []*Settings {
	var out []*Settings
	for _, class := range c.withSettings {
		if slices.Contains(classes, class.Name) {
			out = append(out, &class.Settings)
		}
	}
	return out
}

// empty says whether nothing is set in s.
func (s *Settings) empty() bool {
	return s.BOOTP.empty() && s.Lease == LeaseTimes{} && s.T1 == nil && s.T2 == nil && s.TimerSpread == nil &&
		s.KeepExpiry == nil && s.Authoritative == nil && s.EchoClientID == nil && s.AlwaysBroadcast == nil &&
		s.AdoptUnknown == nil && s.NAKOffLinkRenew == nil && s.IPv6Only == nil &&
		s.RapidCommit == nil && s.MinSecs == nil &&
		!s.NextServer.IsValid() && s.ServerName == "" && s.BootFile == "" &&
		len(s.Options) == 0 && len(s.Guarded) == 0 && len(s.AlwaysSend) == 0 && len(s.NeverSend) == 0 &&
		s.Layout == Layout{} && s.Probe == Probe{} && s.Identity == Identity{}
}

// under returns what holds one level below e, where s is set. It returns e itself if s is empty.
func (e *Effective) under(s *Settings) *Effective {
	if s.empty() {
		return e
	}
	inner := *e
	override(&inner.LeaseDefault, s.Lease.Default)
	override(&inner.LeaseMin, s.Lease.Min)
	override(&inner.LeaseMax, s.Lease.Max)
	override(&inner.PressureAbove, s.Lease.Pressure.Above)
	override(&inner.PressureMax, s.Lease.Pressure.Max)
	override(&inner.T1, s.T1)
	override(&inner.T2, s.T2)
	override(&inner.TimerSpread, s.TimerSpread)
	override(&inner.KeepExpiry, s.KeepExpiry)
	override(&inner.Authoritative, s.Authoritative)
	override(&inner.EchoClientID, s.EchoClientID)
	override(&inner.AlwaysBroadcast, s.AlwaysBroadcast)
	override(&inner.AdoptUnknown, s.AdoptUnknown)
	override(&inner.NAKOffLinkRenew, s.NAKOffLinkRenew)
	override(&inner.IPv6Only, s.IPv6Only)
	override(&inner.RapidCommit, s.RapidCommit)
	override(&inner.MinSecs, s.MinSecs)
	inner.Layout = e.Layout.under(&s.Layout)
	inner.Probe = e.Probe.under(&s.Probe)
	inner.Identity = e.Identity.under(&s.Identity)
	if s.NextServer.IsValid() {
		inner.NextServer = s.NextServer
	}
	if s.ServerName != "" {
		inner.ServerName = s.ServerName
	}
	if s.BootFile != "" {
		inner.BootFile = s.BootFile
	}
	inner.BOOTP.under(&s.BOOTP)
	inner.Options = overlay(e.Options, s.Options)
	inner.guarded = guardedUnder(e.guarded, s)
	// The innermost word on an option counts: what is always sent here is no longer never sent.
	for _, code := range s.AlwaysSend {
		inner.AlwaysSend[code], inner.NeverSend[code] = true, false
	}
	for _, code := range s.NeverSend {
		inner.AlwaysSend[code], inner.NeverSend[code] = false, true
	}
	return &inner
}

// guardedUnder returns the guarded options that hold where s is set under outer: those of s, then those of
// outer that s does not overrule for everybody.
func guardedUnder(outer []compiledOption, s *Settings) []compiledOption {
	if len(outer) == 0 && len(s.Guarded) == 0 {
		return nil
	}
	var out []compiledOption
	for _, o := range s.Guarded {
		out = append(out, compiledOption{o.Option, compileGuard(o.Classes)})
	}
	for _, o := range outer {
		if _, overruled := slices.BinarySearchFunc(s.Options, o.Code, byCode); !overruled {
			out = append(out, o)
		}
	}
	return out
}

// byCode compares an option with a code.
func byCode(o Option, code uint8) int { return cmp.Compare(o.Code, code) }

func override[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// overlay returns outer with the options of inner in it or in their place, by ascending code. Of sub-options
// of the same space those that inner does not have stay.
func overlay(outer, inner []Option) []Option {
	if len(inner) == 0 {
		return outer
	}
	out := slices.Clone(outer)
	for _, o := range inner {
		i, found := slices.BinarySearchFunc(out, o.Code, byCode)
		if found {
			if o.Space != "" && o.Space == out[i].Space {
				o.Data, _ = option.Merge(o.Space, out[i].Data, o.Data)
			}
			out[i] = o
		} else {
			out = slices.Insert(out, i, o)
		}
	}
	return out
}

// LeaseTime returns the lease time for a client that asks for asked (option 51; 0 if it does not): what it
// asks for within LeaseMin and LeaseMax, else LeaseDefault. A lease without end is given only where LeaseMax
// has none; infinity is otherwise the longest wish there is (V4-070 … V4-074, RFC 2131 §4.3.1).
func (e *Effective) LeaseTime(asked lease.Seconds) lease.Seconds {
	if asked == 0 {
		return e.LeaseDefault
	}
	if e.LeaseMax != 0 && asked > e.LeaseMax {
		return e.LeaseMax
	}
	return max(asked, e.LeaseMin)
}

// LeaseTimeAt is LeaseTime while use of the client's pool is in use.
func (e *Effective) LeaseTimeAt(asked lease.Seconds, use Permille) lease.Seconds {
	t := e.LeaseTime(asked)
	if e.PressureMax == 0 || use < e.PressureAbove {
		return t
	}
	return min(t, max(e.PressureMax, e.LeaseMin))
}
