package config

import (
	"fmt"
	"strconv"
	"strings"
)

// Limits says how often clients are served at most, so that some of them cannot take the service from the
// others (W-053). A nil Rate is unset: Compiled.Limits has the default in its place.
type Limits struct {
	// DiscoverPerCircuit, DiscoverPerRelay and DiscoverPerInterface are for messages of clients that want
	// something new: DISCOVER and INFORM, and what has no message type. A circuit is what option 82 says behind
	// one relay agent; the interface is for clients without a relay agent.
	DiscoverPerCircuit   *Rate `json:"discover_per_circuit,omitempty"`
	DiscoverPerRelay     *Rate `json:"discover_per_relay,omitempty"`
	DiscoverPerInterface *Rate `json:"discover_per_interface,omitempty"`
	// PerClient is for all messages of one client (W-035).
	PerClient *Rate `json:"per_client,omitempty"`
	// Strangers is for REQUESTs that name an address which this node did not offer and the client does not
	// hold: each costs an entry of the log. It counts by relay agent, or by interface without one.
	Strangers *Rate `json:"strangers,omitempty"`
	// BindingsPerCircuit and BindingsPerRemoteID are how many addresses may be held behind one circuit, and by
	// one remote-id of option 82 (RFC 3046 §3.2); 0 is no limit. A circuit is a circuit-id and remote-id of a
	// link.
	BindingsPerCircuit  uint32 `json:"bindings_per_circuit,omitempty"`
	BindingsPerRemoteID uint32 `json:"bindings_per_remote_id,omitempty"`
}

// Rate is so many in a second, and so many at once after a while of silence. The zero Rate is no limit.
type Rate struct {
	PerSecond uint32 `json:"per_second,omitempty"`
	Burst     uint32 `json:"burst,omitempty"`
}

const rateMax = 1_000_000 // beyond what a node can read

// DefaultLimits returns what holds where nothing is configured. A client that follows RFC 2131 §4.1 stays
// far below one message a second. No relay agent has 5,000 clients a second for long, and a burst of twice
// as many lets a whole hall be switched on. What a circuit is, a port or a network, only the operator
// knows.
func DefaultLimits() Limits {
	return Limits{
		DiscoverPerCircuit:   &Rate{},
		DiscoverPerRelay:     &Rate{PerSecond: 5000, Burst: 10_000},
		DiscoverPerInterface: &Rate{PerSecond: 5000, Burst: 10_000},
		PerClient:            &Rate{PerSecond: 1, Burst: 5},
		Strangers:            &Rate{PerSecond: 100, Burst: 1000},
	}
}

// withDefaults returns l with nothing unset.
func (l Limits) withDefaults() Limits {
	d := DefaultLimits()
	own, otherwise := l.named(), d.named()
	for i := range own {
		if *own[i].rate == nil {
			*own[i].rate = *otherwise[i].rate
		}
	}
	return l
}

// namedRate is a Rate with its key in the file and its name in words.
type namedRate struct {
	key, words string
	rate       **Rate
}

// named returns the rates of l in the order of the file.
func (l *Limits) named() []namedRate {
	return []namedRate{
		{"discover-per-circuit", "DISCOVERs of a circuit", &l.DiscoverPerCircuit},
		{"discover-per-relay", "DISCOVERs of a relay agent", &l.DiscoverPerRelay},
		{"discover-per-interface", "DISCOVERs of an interface", &l.DiscoverPerInterface},
		{"per-client", "messages of a client", &l.PerClient},
		{"strangers", "REQUESTs of strangers", &l.Strangers},
	}
}

// ParseRate reads a rate as people write it: 10/s, 1/s burst 5, or off for no limit. A burst that is not said
// is what comes in a second.
func ParseRate(s string) (Rate, error) {
	if on, err := ParseBool(s); err == nil && !on {
		return Rate{}, nil
	}
	rate, burst, both := strings.Cut(s, " burst ")
	digits, perSecond := strings.CutSuffix(strings.TrimSpace(rate), "/s")
	n, err := strconv.ParseUint(digits, 10, 32)
	if !perSecond || err != nil {
		return Rate{}, rateError(s)
	}
	r := Rate{PerSecond: uint32(n), Burst: uint32(n)}
	if both {
		if n, err = strconv.ParseUint(strings.TrimSpace(burst), 10, 32); err != nil {
			return Rate{}, rateError(s)
		}
		r.Burst = uint32(n)
	}
	if r == (Rate{}) {
		return Rate{}, fmt.Errorf("%q: at least 1/s, or off for no limit", s)
	}
	if why := r.wrong(); why != "" {
		return Rate{}, fmt.Errorf("%q: %s", s, why)
	}
	return r, nil
}

func rateError(s string) error {
	return fmt.Errorf("%q is no rate: write as in 10/s or 1/s burst 5, or off for no limit", s)
}

// wrong says why r can be no rate; empty if it can.
func (r Rate) wrong() string {
	switch {
	case r == Rate{}:
		return ""
	case r.PerSecond == 0 || r.PerSecond > rateMax:
		return fmt.Sprintf("%d in a second: between 1 and %d, or off for no limit", r.PerSecond, rateMax)
	case r.Burst == 0 || r.Burst > rateMax:
		return fmt.Sprintf("burst of %d: between 1 and %d", r.Burst, rateMax)
	}
	return ""
}

// String writes r so that ParseRate reads it back.
func (r Rate) String() string {
	switch {
	case r == Rate{}:
		return "off"
	case r.Burst == r.PerSecond:
		return strconv.FormatUint(uint64(r.PerSecond), 10) + "/s"
	}
	return fmt.Sprintf("%d/s burst %d", r.PerSecond, r.Burst)
}

// limits checks the rates and quotas.
func (v *validator) limits() {
	limits := v.config.Limits
	for _, n := range limits.named() {
		if r := *n.rate; r != nil {
			if why := r.wrong(); why != "" {
				v.problem("limits."+n.key, "%s", why)
			}
		}
	}
	v.quota("limits.bindings-per-circuit", limits.BindingsPerCircuit)
	v.quota("limits.bindings-per-remote-id", limits.BindingsPerRemoteID)
}

// quota checks how many addresses may be held in one hand.
func (v *validator) quota(path string, n uint32) {
	if n > quotaMax {
		v.problem(path, "%d: at most %d", n, quotaMax)
	}
}

const quotaMax = 1_000_000

// Quotas are how many addresses may be held in one hand. 0 is no limit.
type Quotas struct {
	PerCircuit  uint32
	PerRemoteID uint32
	byClass     map[string]uint32 // classes with a test, and values of templates
	byTemplate  map[string]uint32 // for each value that has no limit of its own
}

// compileQuotas returns the quotas of c, nil if it has none.
func compileQuotas(c *Config) *Quotas {
	q := &Quotas{
		PerCircuit: c.Limits.BindingsPerCircuit, PerRemoteID: c.Limits.BindingsPerRemoteID,
		byClass: make(map[string]uint32), byTemplate: make(map[string]uint32),
	}
	for i := range c.Classes {
		switch class := &c.Classes[i]; {
		case class.Limit == 0:
		case class.Template != "":
			q.byTemplate[class.Name] = class.Limit
		default:
			q.byClass[class.Name] = class.Limit
		}
	}
	if q.PerCircuit == 0 && q.PerRemoteID == 0 && len(q.byClass) == 0 && len(q.byTemplate) == 0 {
		return nil
	}
	return q
}

// OfClass returns how many addresses the clients of a class may hold together, 0 if there is no limit. Of a
// template only the values have one.
func (q *Quotas) OfClass(name string) uint32 {
	if n, ok := q.byClass[name]; ok {
		return n
	}
	template, ok := TemplateOf(name)
	if !ok {
		return 0
	}
	return q.byTemplate[template]
}

// CountsValues says whether every value of the template has a limit, named anywhere or not.
func (q *Quotas) CountsValues(template string) bool { return q != nil && q.byTemplate[template] > 0 }

// pressure says whether any lease time of c depends on the use of pools.
func (c *Config) pressure() bool {
	is := func(s *Settings) bool { return s.Lease.Pressure.Max != nil }
	found := is(&c.Settings)
	for i := range c.Classes {
		found = found || is(&c.Classes[i].Settings)
	}
	for i := range c.SharedNetworks {
		found = found || is(&c.SharedNetworks[i].Settings)
	}
	for i := range c.Subnets {
		s := &c.Subnets[i]
		found = found || is(&s.Settings)
		for j := range s.Pools {
			found = found || is(&s.Pools[j].Settings)
		}
		for j := range s.Reservations {
			found = found || is(&s.Reservations[j].Settings)
		}
	}
	return found
}
