package kea

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"port67/storage/config"
)

// roundsMax bounds how often the draft is looked at again after something was taken out of it.
const roundsMax = 64

// prune takes out of the draft what our configuration cannot hold, as Validate tells, until it is valid. So
// the importer needs no list of what a release can do: what the next one can, it takes.
func (t *translator) prune() *config.Config {
	for range roundsMax {
		t.keepNeighbours()
		c := t.draft.config()
		problems := c.Validate()
		for _, check := range t.checks {
			if len(problems) == 0 {
				problems = check(c)
			}
		}
		if len(problems) == 0 {
			return c
		}
		r := remover{t: t, draft: t.draft, definitions: c.Definitions(), drop: make(map[any]bool)}
		for _, p := range problems {
			r.problem(p)
		}
		r.sweep()
	}
	t.left(t.draft.root, "could not be made into a valid configuration", "this is a defect: please report it")
	return &config.Config{}
}

// keepNeighbours excludes the routers that clients are told of from the pools: Kea may give away their
// addresses, and we refuse to.
func (t *translator) keepNeighbours() {
	for _, s := range t.draft.subnets {
		levels := []*settings{&s.settings, &t.draft.settings}
		if s.network != nil {
			levels = []*settings{&s.settings, &s.network.settings, &t.draft.settings}
		}
		for _, l := range levels {
			if l.at[optionKey(3)] != nil {
				t.keepRouters(s, l)
				break
			}
		}
		for _, p := range s.pools {
			t.keepRouters(s, &p.settings)
		}
	}
}

func (t *translator) keepRouters(s *subnet, level *settings) {
	for _, o := range level.Options {
		if o.Code != 3 {
			continue
		}
		for data := o.Data; len(data) >= 4; data = data[4:] {
			if a := netip.AddrFrom4([4]byte(data[:4])); s.keep(a) {
				t.remarkOn(level.at[optionKey(3)], s.at.element+".pools",
					a.String()+" is a router that clients are told of, and lay in a pool: it was excluded")
			}
		}
	}
}

// remover takes what is wrong out of a draft. The indexes of the problems hold until sweep.
type remover struct {
	t           *translator
	draft       *draft
	definitions *config.Definitions
	drop        map[any]bool
}

// step is one piece of a path: a key, and the index behind it, -1 if there is none.
type step struct {
	key   string
	index int
}

func cutStep(path string) (step, string) {
	head, rest, _ := strings.Cut(path, ".")
	key, tail, found := strings.Cut(head, "[")
	if !found {
		return step{head, -1}, rest
	}
	i, err := strconv.Atoi(strings.TrimSuffix(tail, "]"))
	if err != nil {
		return step{key, -1}, rest
	}
	return step{key, i}, rest
}

// problem takes out the innermost part of the draft that p is about.
func (r *remover) problem(p config.Problem) {
	first, rest := cutStep(p.Path)
	d := r.draft
	switch {
	case first.key == "option-definitions" && within(d.definitions, first.index):
		r.out(d.definitions[first.index], d.definitions[first.index].at, p.Text)
	case first.key == "classes" && within(d.classes, first.index):
		k := d.classes[first.index]
		if !r.setting(&k.settings, rest, p) {
			r.class(k, p.Text)
		}
	case first.key == "classes":
		for _, k := range d.classes {
			r.class(k, "classes: "+p.Text)
		}
	case first.key == "shared-networks" && within(d.networks, first.index):
		r.network(d.networks[first.index], rest, p)
	case first.key == "subnets" && within(d.subnets, first.index):
		r.subnet(d.subnets[first.index], rest, p)
	case first.key == "subnets" && len(d.subnets) > 0: // There are more than can be.
		last := d.subnets[len(d.subnets)-1]
		r.out(last, last.at, p.Text)
	case !r.setting(&d.settings, p.Path, p):
		r.t.leftIn(d.root, p.Path, p.Text+": this is a defect: please report it")
	}
}

func within[T any](list []T, i int) bool { return i >= 0 && i < len(list) }

// out marks a part of the draft.
func (r *remover) out(part any, at *node, why string) {
	if !r.drop[part] {
		r.drop[part] = true
		r.t.left(at, "not to be had here: "+why, "")
	}
}

// class takes out a class with all that asks for it: the pools that it guards, and the classes whose tests
// name it, because a class that is nowhere is one that nobody is in, and "not" of it is everybody.
func (r *remover) class(k *class, why string) {
	if r.drop[k] {
		return
	}
	r.out(k, k.at, why)
	for _, other := range r.draft.classes {
		if strings.Contains(other.test, "member("+textLiteral(k.name)+")") {
			r.class(other, "its test names the class "+k.name+", which was left behind")
		}
	}
	for _, s := range r.draft.subnets {
		for _, p := range s.pools {
			if slices.Contains(p.classes, k.name) {
				r.out(p, p.at, noGuard+"class "+k.name+" was left behind")
			}
		}
	}
}

// noGuard begins the reason why a pool is left behind with the class that guards it.
const noGuard = "its guard cannot be kept, and without it the pool would be open to everybody: "

func (r *remover) network(n *network, rest string, p config.Problem) {
	if r.setting(&n.settings, rest, p) {
		return
	}
	r.out(n, n.at, p.Text)
	for _, s := range r.draft.subnets {
		if s.network == n {
			r.drop[s] = true
		}
	}
}

func (r *remover) subnet(s *subnet, rest string, p config.Problem) {
	next, inner := cutStep(rest)
	switch {
	case next.key == "pools" && within(s.pools, next.index):
		k := s.pools[next.index]
		if r.setting(&k.settings, inner, p) {
			return
		}
		why := p.Text
		if strings.HasPrefix(inner, "classes") {
			why = noGuard + p.Text
		}
		r.out(k, k.at, why)
	case next.key == "reservations" && within(s.reservations, next.index):
		r.reservation(s, s.reservations[next.index], inner, p)
	case !r.setting(&s.settings, rest, p):
		r.out(s, s.at, p.Text)
	}
}

func (r *remover) reservation(s *subnet, k *reservation, inner string, p config.Problem) {
	if strings.HasPrefix(inner, "hostname") {
		k.hostname = ""
		r.t.left(k.at.get("hostname"), p.Text, "give the client a host name by the rules")
		return
	}
	if !r.setting(&k.settings, inner, p) {
		r.out(k, k.at, p.Text)
	}
}

// setting takes one setting out of s, if that is what path names.
func (r *remover) setting(s *settings, path string, p config.Problem) bool {
	first, rest := cutStep(path)
	key := first.key
	switch key {
	case "lease":
		s.Lease = config.LeaseTimes{}
	case "t1", "t2":
		s.T1, s.T2 = nil, nil
	case "next-server":
		s.NextServer = netip.Addr{}
	case "server-name":
		s.ServerName = ""
	case "boot-file-name":
		s.BootFile = ""
	case "always-send":
		s.AlwaysSend, key = cutCode(s.AlwaysSend, first.index)
	case "never-send":
		s.NeverSend, key = cutCode(s.NeverSend, first.index)
	case "options":
		return r.option(s, rest, p)
	default:
		return false
	}
	r.leave(s, key, p)
	return true
}

// leave says that a setting was left behind.
func (r *remover) leave(s *settings, key string, p config.Problem) {
	switch at := s.at[key]; {
	case at == nil:
		r.t.leftIn(r.draft.root, p.Path, p.Text)
	case at.form == isObject && at.get("subnet") != nil, at == r.draft.root:
		r.t.leftIn(at, at.element+", "+key, p.Text)
	default:
		r.t.left(at, p.Text, "")
	}
}

func cutCode(codes []uint8, i int) ([]uint8, string) {
	if !within(codes, i) {
		return nil, ""
	}
	key := optionKey(codes[i])
	return slices.Delete(slices.Clone(codes), i, i+1), key
}

func optionKey(code uint8) string { return "options." + strconv.Itoa(int(code)) }

// option takes out the option of that name, or all if there are too many octets.
func (r *remover) option(s *settings, name string, p config.Problem) bool {
	def, err := r.definitions.Find(name)
	for _, o := range slices.Clone(s.Options) {
		if name != "" && (err != nil || o.Code != def.Code) {
			continue
		}
		s.Options = slices.DeleteFunc(s.Options, func(k config.Option) bool { return k.Code == o.Code })
		r.leave(s, optionKey(o.Code), p)
	}
	return true
}

// sweep takes out what was marked. The address of a reservation that goes stays nobody's: it was promised.
func (r *remover) sweep() {
	d := r.draft
	d.definitions = keepers(d.definitions, r.drop)
	d.classes = keepers(d.classes, r.drop)
	d.subnets = keepers(d.subnets, r.drop)
	for _, s := range d.subnets {
		s.pools = keepers(s.pools, r.drop)
		gone := slices.Clone(s.reservations)
		s.reservations = keepers(s.reservations, r.drop)
		for _, k := range gone {
			if r.drop[k] {
				r.t.keepPromised(s, k)
			}
		}
	}
	d.networks = slices.DeleteFunc(keepers(d.networks, r.drop), func(n *network) bool {
		empty := len(d.prefixesOf(n)) == 0
		if empty && !r.drop[n] {
			r.t.left(n.at, "no subnet is left in it", "")
		}
		return empty
	})
}

func keepers[T comparable](parts []T, drop map[any]bool) []T {
	return slices.DeleteFunc(parts, func(p T) bool { return drop[p] })
}

// keepPromised excludes the address of a reservation that was left behind from the pools.
func (t *translator) keepPromised(s *subnet, k *reservation) {
	if s.prefix.Contains(k.address) && s.keep(k.address) {
		t.remarkOn(s.at, s.at.element,
			k.address.String()+" was promised by a reservation that was left behind: it was excluded from the pools")
	}
}
