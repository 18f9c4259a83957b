package kea

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"port67/storage/config"
	"port67/storage/option"
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
			t.keepRouter(s, level.at[optionKey(3)], netip.AddrFrom4([4]byte(data[:4])))
		}
	}
}

func (t *translator) keepRouter(s *subnet, at *node, a netip.Addr) {
	if s.keep(a) {
		t.remarkOn(at, s.at.element+".pools",
			a.String()+" is a router that clients are told of, and lay in a pool: it was excluded")
	}
}

// remover takes what is wrong out of a draft. The indexes of the problems hold until sweep.
type remover struct {
	t           *translator
	draft       *draft
	definitions *option.Definitions
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
	case first.key == "option-spaces" && within(d.spaces, first.index):
		r.space(d.spaces[first.index], rest, p)
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
	case first.key == "reservations" && within(d.reservations, first.index):
		r.reservation(d.reservations[first.index], rest, p)
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
		asks := strings.TrimSuffix("member("+textLiteral(k.name), `"`)
		if strings.Contains(other.test, asks+`")`) || strings.Contains(other.test, asks+":") {
			r.class(other, "its test names the class "+k.name+", which was left behind")
		}
	}
	why = noGuard + "class " + k.name + " was left behind"
	for _, n := range r.draft.networks {
		if n.classes = r.unguard(n.classes, k, n, n.at, why); r.drop[n] {
			r.inNetwork(n)
		}
	}
	for _, s := range r.draft.subnets {
		s.classes = r.unguard(s.classes, k, s, s.at, why)
		for _, p := range s.pools {
			p.classes = r.unguard(p.classes, k, p, p.at, why)
		}
	}
	for _, s := range r.draft.subnets {
		r.reservedFor(s.reservations, k)
	}
	r.reservedFor(r.draft.reservations, k)
	for _, s := range r.draft.levels() {
		s.guarded = slices.DeleteFunc(s.guarded, func(g guarded) bool {
			i := slices.Index(g.Classes, k.name)
			if i >= 0 && len(g.Classes) == 1 {
				r.t.left(g.at, why, "")
				return true
			}
			return false
		})
		for i := range s.guarded {
			s.guarded[i].Classes = without(s.guarded[i].Classes, k.name)
		}
	}
}

// reservedFor takes out the reservations for a class that goes, or for one of its values.
func (r *remover) reservedFor(list []*reservation, k *class) {
	for _, one := range list {
		if slices.ContainsFunc(one.class, func(c string) bool {
			return c == k.name || strings.HasPrefix(c, k.name+":")
		}) {
			r.out(one, one.at, "class "+k.name+" was left behind")
		}
	}
}

// unguard takes a class out of a guard, and part with it if nothing else guards it.
func (r *remover) unguard(classes []string, k *class, part any, at *node, why string) []string {
	if slices.Equal(classes, []string{k.name}) {
		r.out(part, at, why)
		return classes
	}
	return without(classes, k.name)
}

func without(classes []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(classes), func(c string) bool { return c == name })
}

// space takes a definition out of a space, or the space as a whole. Options that are made of it become
// octets.
func (r *remover) space(s *optionSpace, rest string, p config.Problem) {
	next, _ := cutStep(rest)
	if next.key == "options" && within(s.options, next.index) {
		def := s.options[next.index]
		r.out(def, def.at, p.Text)
		return
	}
	r.out(s, s.at, "space "+s.kea+": "+p.Text)
}

func (r *remover) network(n *network, rest string, p config.Problem) {
	if r.setting(&n.settings, rest, p) {
		return
	}
	r.out(n, n.at, p.Text)
	r.inNetwork(n)
}

// inNetwork marks what is in a network that goes.
func (r *remover) inNetwork(n *network) {
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
		r.out(k, k.at, p.Text)
	case next.key == "reservations" && within(s.reservations, next.index):
		r.reservation(s.reservations[next.index], inner, p)
	case !r.setting(&s.settings, rest, p):
		r.out(s, s.at, p.Text)
	}
}

func (r *remover) reservation(k *reservation, inner string, p config.Problem) {
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

// option takes out the option of that path, or all if there are too many octets. One that could not be made
// of sub-options stays, as octets.
func (r *remover) option(s *settings, path string, p config.Problem) bool {
	about := func(code uint8) bool {
		rest, ok := strings.CutPrefix(path, r.definitions.Name(code))
		return path == "" || ok && (rest == "" || rest[0] == '[' || rest[0] == '.')
	}
	for i := range s.Options {
		if o := &s.Options[i]; about(o.Code) && o.Space != "" && path != "" && !strings.Contains(path, "[") {
			o.Space = ""
			r.t.remarkOn(s.at[optionKey(o.Code)], p.Path, "became octets: "+p.Text)
			return true
		}
	}
	if strings.Contains(path, "[") {
		return r.guardedOption(s, path, about, p)
	}
	for _, o := range slices.Clone(s.Options) {
		if about(o.Code) {
			s.Options = slices.DeleteFunc(s.Options, func(k config.Option) bool { return k.Code == o.Code })
			r.leave(s, optionKey(o.Code), p)
		}
	}
	if path == "" {
		for _, g := range s.guarded {
			r.t.left(g.at, p.Text, "")
		}
		s.guarded = nil
	}
	return true
}

// guardedOption takes out one of the values that an option has for some classes: NAME[I].
func (r *remover) guardedOption(s *settings, path string, about func(uint8) bool, p config.Problem) bool {
	name, tail, _ := strings.Cut(path, "[")
	number, _, _ := strings.Cut(tail, "]")
	nth, err := strconv.Atoi(number)
	if err != nil {
		r.t.leftIn(r.draft.root, p.Path, p.Text)
		return true
	}
	for i := range s.guarded {
		if !about(s.guarded[i].Code) || r.definitions.Name(s.guarded[i].Code) != name {
			continue
		}
		if nth--; nth >= 0 {
			continue
		}
		if g := &s.guarded[i]; g.Space != "" {
			g.Space = ""
			r.t.remarkOn(g.at, p.Path, "became octets: "+p.Text)
			return true
		}
		r.t.left(s.guarded[i].at, p.Text, "")
		s.guarded = slices.Delete(s.guarded, i, i+1)
		return true
	}
	return true
}

// sweep takes out what was marked. The address of a reservation that goes stays nobody's: it was promised.
func (r *remover) sweep() {
	d := r.draft
	d.definitions = keepers(d.definitions, r.drop)
	d.spaces = keepers(d.spaces, r.drop)
	for _, s := range d.spaces {
		s.options = keepers(s.options, r.drop)
	}
	d.classes = keepers(d.classes, r.drop)
	d.subnets = keepers(d.subnets, r.drop)
	for _, s := range d.subnets {
		s.pools = keepers(s.pools, r.drop)
		gone := slices.Concat(s.reservations, d.reservations)
		s.reservations = keepers(s.reservations, r.drop)
		for _, k := range gone {
			if r.drop[k] {
				r.t.keepPromised(s, k)
			}
		}
	}
	d.reservations = keepers(d.reservations, r.drop)
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
