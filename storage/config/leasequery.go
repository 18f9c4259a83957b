package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
)

// requestersMax is how many requesters a Config may name.
const requestersMax = 1024

// AnswersLeaseQueries says whether anybody may ask what is known of leases.
func (c *Compiled) AnswersLeaseQueries() bool { return len(c.Config.LeaseQuery.Requesters) > 0 }

// MayQueryLeases says whether the agent at a may ask what is known of leases. Who lives where, and since when,
// is nobody else's business.
func (c *Compiled) MayQueryLeases(a netip.Addr) bool {
	return slices.ContainsFunc(c.Config.LeaseQuery.Requesters, func(p netip.Prefix) bool { return p.Contains(a) })
}

// ParseRequester reads the address of an agent, or a prefix that holds several.
func ParseRequester(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil && a.Is4() {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil || !p.Addr().Is4() {
		return netip.Prefix{}, fmt.Errorf("%q is neither an IPv4 address nor a prefix: write as in 10.67.0.1 or "+
			"10.67.0.0/24", s)
	}
	return p, nil
}

// FormatRequester writes what ParseRequester reads.
func FormatRequester(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// leaseQuery checks who may ask. That everybody may is never meant: leases are private.
func (v *validator) leaseQuery() {
	list := v.config.LeaseQuery.Requesters
	if len(list) > requestersMax {
		v.problem("leasequery.requesters", "%d: at most %d", len(list), requestersMax)
	}
	for i, p := range list {
		path := "leasequery.requesters[" + strconv.Itoa(i) + "]"
		switch {
		case !p.IsValid() || !p.Addr().Is4():
			v.problem(path, "no IPv4 address and no prefix")
		case p != p.Masked():
			v.problem(path, "%s has bits behind its length: write %s", p, p.Masked())
		case p.Bits() < 8:
			v.problem(path, "%s lets nearly everybody ask who has which address: at most a /8", p)
		case slices.Contains(list[:i], p):
			v.problem(path, "%s stands twice: keep one", FormatRequester(p))
		}
	}
}
