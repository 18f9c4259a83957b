package kea

import (
	"slices"
	"strings"

	"port67/storage/config"
)

// guardOf returns the guard of n: client-class of old, or client-classes. nil if there is none.
func guardOf(n *node) *node {
	for _, key := range []string{"client-class", "client-classes"} {
		if g := n.get(key); g != nil && (g.text != "" || len(g.items) > 0) {
			return g
		}
	}
	return nil
}

// isScope says whether a class is a scope of a pair of servers: what the one or the other of them serves.
func (t *translator) isScope(name string) bool {
	return t.pair && strings.HasPrefix(name, "HA_") && (len(t.scopes) == 0 || slices.Contains(t.scopes, name))
}

// guard returns our names of the classes that n is for, none if it is for everybody. kept is false if all of
// them were left behind: then n must not be there, for without its guard it would be. l, which may be nil, is
// told of scopes of a pair.
func (t *translator) guard(n *node, l *level) (classes []string, kept bool) {
	g := guardOf(n)
	if g == nil {
		t.taken(firstOf(n, "client-class", "client-classes"))
		return nil, true
	}
	names := []string{g.text}
	if g.form == isList {
		names = t.words(g)
	}
	var lost []string
	for _, name := range names {
		if t.isScope(name) && t.classes.ours[name] == "" && t.classes.lost[name] == "" {
			t.changed(g, "the scope of a pair of servers was dropped: every node serves the whole", "")
			if l != nil {
				l.ha = true
			}
			return nil, true
		}
		if name == "ALL" && t.classes.ours[name] == "" {
			t.taken(g)
			return nil, true
		}
		if l != nil {
			l.ha = l.ha || t.classes.scoped[name]
		}
		switch ours := t.guardName(name, g); {
		case ours == "":
			lost = append(lost, name)
		case !slices.Contains(classes, ours):
			classes = append(classes, ours)
		}
	}
	if len(lost) > 0 && len(classes) > 0 {
		t.leftIn(g, g.element, noClass+strings.Join(lost, ", ")+": its clients are kept out")
	}
	if !g.told {
		t.taken(g)
	}
	return classes, len(classes) > 0
}

// What is said of guards that cannot be kept.
const (
	noClass = "of the classes there is here no "
	noGuard = "its guard cannot be kept, and without it would be open to everybody: "
	doGuard = "define the class by hand, and take this over once more"
)

// shut leaves behind what none of its classes could be kept for.
func (t *translator) shut(n *node) {
	g := guardOf(n)
	names := g.text
	if g.form == isList {
		names = strings.Join(t.words(g), ", ")
	}
	t.left(n, noGuard+"class "+names, doGuard)
}

// guardName returns our name of a class that guards something, none if there is no such class here. One that
// Kea makes by itself gets a definition.
func (t *translator) guardName(name string, g *node) string {
	switch {
	case t.classes.ours[name] != "" && !t.classes.demanded[name]:
		return t.classes.ours[name]
	case name == "KNOWN":
		return config.Known
	case name == "UNKNOWN":
		return config.Unknown
	case name == "BOOTP":
		return config.BOOTP
	}
	test, err := t.memberTest(name)
	if err != nil {
		return ""
	}
	k := &class{at: g, kea: name, name: t.nameClass(name), test: test}
	t.draft.classes = append(t.draft.classes, k)
	t.changed(g, "Kea's own class became "+k.name+": "+k.test, "")
	return k.name
}

// onDemandKeys are what a class has that counts only where it is asked for, and what asks for it; the older
// word first.
var (
	onDemandKeys = []string{"only-if-required", "only-in-additional-list"}
	demandKeys   = []string{"require-client-classes", "evaluate-additional-classes"}
)

func onDemand(n *node) bool {
	for _, key := range onDemandKeys {
		if only := n.get(key); only != nil && only.yes {
			return true
		}
	}
	return false
}

// demanded takes the settings of a class that counts only where it is asked for. Its options wait for those
// who do; what else it sets has no place.
func (t *translator) demanded(n *node, k *class) {
	t.classes.demanded[k.kea] = true
	for _, key := range []string{"next-server", "server-hostname", "boot-file-name", "valid-lifetime",
		"min-valid-lifetime", "max-valid-lifetime"} {
		if m := n.get(key); m != nil {
			t.left(m, "counts only in the subnets and pools that ask for the class, and cannot be said so here",
				"say it in these")
		}
	}
	s := k.settings
	k.settings = settings{}
	k.options, k.always = slices.Clone(s.Options), s.AlwaysSend
	k.optionsAt = s.at
	for _, g := range s.guarded {
		t.left(g.at, "only for some classes, in a class that is for some subnets only", "say it in these")
	}
	if only := firstOf(n, onDemandKeys...); only != nil {
		t.changed(only, "its options became options of the subnets and pools that ask for it, for the class", "")
	}
}

// demand puts the options of the classes that n asks for into its settings. What Kea would say there without
// them counts before them: what n itself or the levels around it have.
func (t *translator) demand(n *node, s *settings, around ...*settings) {
	for _, name := range slices.Concat(itemsOf(n, demandKeys[0]), itemsOf(n, demandKeys[1])) {
		i := slices.IndexFunc(t.draft.classes, func(k *class) bool { return k.kea == name.text })
		switch {
		case i < 0:
			t.left(name, "there is no class "+name.text+" here", "")
			continue
		case !t.draft.classes[i].onDemand:
			t.taken(name) // It counts for every client anyway.
			continue
		}
		k := t.draft.classes[i]
		for _, o := range k.options {
			key := optionKey(o.Code)
			taken := slices.ContainsFunc(append(around, s), func(l *settings) bool { return l.has(o.Code) })
			if taken {
				t.remarkOn(name, name.element+", "+key, "has a value there, which counts before that of the class")
				continue
			}
			s.guarded = append(s.guarded, guarded{
				at: k.optionsAt[key], demand: true,
				GuardedOption: config.GuardedOption{Option: o, Classes: []string{k.name}},
			})
			if slices.Contains(k.always, o.Code) {
				s.AlwaysSend = appendCode(s.AlwaysSend, o.Code)
			}
		}
		t.changed(name, "its options became options here, for the class "+k.name, "")
	}
}

// yield moves options of classes to the global level where a network, a subnet or a pool says something else:
// Kea looks at classes behind these, and we before.
func (t *translator) yield() {
	d := t.draft
	var inner []*settings
	for _, n := range d.networks {
		inner = append(inner, &n.settings)
	}
	for _, s := range d.subnets {
		inner = append(inner, &s.settings)
		for _, p := range s.pools {
			inner = append(inner, &p.settings)
		}
	}
	var moved []guarded
	for _, k := range d.classes {
		moves := func(code uint8) bool {
			return slices.ContainsFunc(inner, func(s *settings) bool { return s.has(code) })
		}
		for _, o := range k.Options {
			if !moves(o.Code) {
				continue
			}
			g := guarded{at: k.settings.at[optionKey(o.Code)]}
			g.GuardedOption = config.GuardedOption{Option: o, Classes: []string{k.name}}
			moved = append(moved, g)
			t.instead(g.at, "stands among the global options, for the class "+k.name+": in Kea what a subnet or "+
				"pool says counts before what a class says")
		}
		k.Options = slices.DeleteFunc(k.Options, func(o config.Option) bool { return moves(o.Code) })
	}
	d.guarded = append(moved, d.guarded...)
}
