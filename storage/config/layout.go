package config

// Layout is how replies are laid out on the wire, for clients that not every reply suits. A nil field
// inherits.
type Layout struct {
	// OptionOverload lets options stand in the fields sname and file (RFC 2132 §9.3).
	OptionOverload *bool `json:"option_overload,omitempty"`
	// NULTerminate puts a NUL behind the texts of options 12, 15, 66 and 67 (W-007).
	NULTerminate *bool `json:"nul_terminate,omitempty"`
	// AddDefaultTo121 puts the router of option 3 into options 121 and 249 as the default route: a client that
	// follows these does not look at option 3 (RFC 3442, V4-066).
	AddDefaultTo121 *bool `json:"add_default_to_121,omitempty"`
	// MinReplySize is the smallest datagram that the client takes, headers included, in octets (W-036).
	MinReplySize *uint16 `json:"min_reply_size,omitempty"`
	// MaxReplySize is the largest datagram that is sent even if option 57 allows more, in octets (W-037).
	MaxReplySize *uint16 `json:"max_reply_size,omitempty"`
}

// EffectiveLayout is Layout with nothing unset.
type EffectiveLayout struct {
	OptionOverload, NULTerminate, AddDefaultTo121 bool
	MinReplySize, MaxReplySize                    uint16
}

// The sizes of a reply: the least is a BOOTP message with its headers (RFC 1542 §2.1), the most is what
// Ethernet carries.
const (
	replySizeMin = 328
	replySizeMax = 1500
)

// under returns what holds one level below e, where l is set.
func (e EffectiveLayout) under(l *Layout) EffectiveLayout {
	override(&e.OptionOverload, l.OptionOverload)
	override(&e.NULTerminate, l.NULTerminate)
	override(&e.AddDefaultTo121, l.AddDefaultTo121)
	override(&e.MinReplySize, l.MinReplySize)
	override(&e.MaxReplySize, l.MaxReplySize)
	return e
}

// layout checks l, as it comes out at this level.
func (v *validator) layout(path string, l *Layout, e EffectiveLayout) {
	outside := false
	for _, f := range []struct {
		key string
		is  *uint16
	}{{"min-reply-size", l.MinReplySize}, {"max-reply-size", l.MaxReplySize}} {
		if f.is != nil && (*f.is < replySizeMin || *f.is > replySizeMax) {
			v.problem(path+"."+f.key, "%d: between %d and %d octets", *f.is, replySizeMin, replySizeMax)
			outside = true
		}
	}
	if !outside && (l.MinReplySize != nil || l.MaxReplySize != nil) && e.MinReplySize > e.MaxReplySize {
		key := ".min-reply-size"
		if l.MinReplySize == nil {
			key = ".max-reply-size"
		}
		v.problem(path+key, "no datagram has at least %d and at most %d octets: what is unset here comes from "+
			"the level above", e.MinReplySize, e.MaxReplySize)
	}
}
