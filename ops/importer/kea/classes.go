package kea

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"port67/storage/config"
)

// classNames is the classes of the file as far as they were translated.
type classNames struct {
	ours      map[string]string // our name of Kea's
	taken     map[string]bool   // our names that are in use
	templates map[string]string // the octets that a template class is made of, by Kea's name
	lost      map[string]string // Kea's name of a class that was left behind, and why
	assigned  map[string]roll   // the clients that reservations put into a class, by Kea's name
	scoped    map[string]bool   // Kea's names of classes whose test names a scope of a pair
	dead      map[string]bool   // our names for classes that are nowhere defined
}

// readyMade are names that ours may not have, because they mean a class that needs no definition, now or in
// a later release. Kea's class of that name is another one.
var readyMade = []string{
	config.Known, config.Unknown, "bootp", "pxe", "pxe-bios", "pxe-uefi-ia32", "pxe-uefi-x64", "pxe-uefi-arm64",
	"http-client", "ipxe", "random-mac", "all", "none", "any",
}

// clientClasses translates the classes, in their order.
func (t *translator) clientClasses(obj *node, above level) {
	t.classes = classNames{
		ours: make(map[string]string), taken: make(map[string]bool),
		templates: make(map[string]string), lost: make(map[string]string), dead: make(map[string]bool),
		scoped: make(map[string]bool), assigned: make(map[string]roll),
	}
	for _, name := range readyMade {
		t.classes.taken[name] = true
	}
	t.callRoll(obj)
	for _, n := range t.objects(obj, "client-classes") {
		t.clientClass(n, above)
	}
}

// lose leaves a class behind. What it guards is not opened by that.
func (t *translator) lose(n *node, name, why, todo string) {
	t.classes.lost[name] = why
	t.left(n, why, todo)
}

func (t *translator) clientClass(n *node, above level) {
	name, at := t.text(n, "name")
	if at == nil || name == "" {
		t.left(n, "no name", "give it one; Kea would refuse it, too")
		return
	}
	if t.isScope(name) && n.get("test") == nil {
		t.left(n, "a scope of a pair of servers has no meaning here", "")
		return
	}
	if why, todo := unfit(n, name); why != "" {
		t.lose(n, name, why, todo)
		return
	}
	k := &class{at: n, kea: name}
	s := t.speaker()
	test, err := t.testOf(s, n, name)
	if err != nil {
		t.lose(n, name, "its test cannot be said here: "+err.Error(), "write the test by hand, as classes[].test; "+
			"until then nobody is in the class, and the pools for it are left out")
		return
	}
	if t.half(n, s, name, test) {
		return
	}
	k.test = test
	k.name = t.nameClass(name)
	if k.name != name {
		t.changed(at, "became "+k.name, "")
	} else {
		t.taken(at)
	}
	t.local = nil
	for _, def := range t.objects(n, "option-def") {
		t.optionDef(def, nil)
	}
	t.settingsOf(n, &k.settings, above)
	t.local = nil
	for _, key := range []string{"test", "template-test"} {
		if test := n.get(key); test != nil {
			t.changed(test, strings.Join(append([]string{"became " + k.test}, s.notes...), "; "), "")
		}
	}
	t.draft.classes = append(t.draft.classes, k)
}

// unfit says why a class cannot be one here, whatever its test.
func unfit(n *node, name string) (why, todo string) {
	for _, key := range []string{"only-if-required", "only-in-additional-list"} {
		if only := n.get(key); only != nil && only.yes {
			return "evaluated on demand only (" + key + "), and here it would count for every client",
				"give its options to the subnets and pools that name it"
		}
		if only := n.get(key); only != nil {
			only.told = true // False is as here.
		}
	}
	switch {
	case name == "DROP":
		return "Kea drops what is in class DROP; here such clients are answered",
			"give them no pool, or filter them on the switch"
	case name == "ALL" || name == "KNOWN" || name == "UNKNOWN" || name == "BOOTP":
		return "a class that is there by itself has no settings here", "define a class with the test member(\"…\")"
	}
	return "", ""
}

// testOf returns the test of a class in our words.
func (t *translator) testOf(s *speaker, n *node, name string) (test string, err error) {
	src, at := t.text(n, "test")
	template, templateAt := t.text(n, "template-test")
	vendor, isVendor := strings.CutPrefix(name, vendorClassPrefix)
	var wrong *ExpressionError
	switch {
	case templateAt != nil:
		var octets string
		if octets, wrong = s.template(template); wrong == nil {
			t.classes.templates[name] = octets
			test = "size(" + octets + ") > 0"
		}
	case at != nil && src != "":
		test, wrong = s.test(src)
	case isVendor:
		test = vendorClassTest(vendor)
	case !t.classes.assigned[name].empty():
		test = t.classes.assigned[name].test()
	default:
		return "", errors.New("there is none: clients come into it by reservations, hook libraries or " +
			"lists of additional classes")
	}
	if wrong != nil {
		return "", wrong
	}
	if r := t.classes.assigned[name]; src != "" && !r.empty() {
		test = "(" + test + ") || " + r.test()
	}
	if len(test) > testMax {
		return "", fmt.Errorf("it would have %d octets, at most %d", len(test), testMax)
	}
	return test, nil
}

// half says whether a class is the other half of one before it: the same test, once the scopes of a pair of
// servers are taken out, and no settings. Then it is that class, so that the pools of both are one.
func (t *translator) half(n *node, s *speaker, name, test string) bool {
	if !s.scoped {
		return false
	}
	t.classes.scoped[name] = true
	for _, m := range n.members {
		if m.key != "name" && m.key != "test" {
			return false
		}
	}
	for _, k := range t.draft.classes {
		if t.classes.scoped[k.kea] && k.test == test && len(k.at.members) == 2 {
			t.classes.ours[name] = k.name
			t.changed(n, "the same as "+k.name+", without the scope of a pair of servers", "")
			return true
		}
	}
	return false
}

// testMax bounds a test in our words.
const testMax = 4096

// The names of classes that Kea makes by itself.
const (
	vendorClassPrefix = "VENDOR_CLASS_"
	spawnPrefix       = "SPAWN_"
)

func vendorClassTest(vendor string) string {
	return `pkt.raw("vendor-class-identifier") == ` + bytesLiteral(vendor)
}

// speaker returns a translator of expressions for this file.
func (t *translator) speaker() *speaker {
	return &speaker{
		option: func(word string) (int, string, error) {
			for _, f := range t.forms {
				if f.space.name == dhcp4Space && f.optionForm.name == word {
					word = strconv.Itoa(int(f.code))
				}
			}
			def, err := t.definitions.Find(word)
			if err != nil {
				return 0, "", err
			}
			name := textLiteral(def.Name)
			if def.Name == "" || def.Code == 0 {
				name = strconv.Itoa(int(def.Code))
			}
			return int(def.Code), name, nil
		},
		textual: func(code int) bool {
			k := t.definitions.ByCode(uint8(code)).Type.Fields[0]
			return k == config.KindText || k == config.KindHex
		},
		member: t.memberTest,
	}
}

// memberTest returns what stands for member('NAME'): that a client is in a class.
func (t *translator) memberTest(name string) (string, error) {
	switch {
	case t.classes.lost[name] != "":
		return "", fmt.Errorf("class %s was left behind", name)
	case t.classes.ours[name] != "":
		return "member(" + textLiteral(t.classes.ours[name]) + ")", nil
	case name == "ALL", t.isScope(name):
		return "true", nil
	case name == "KNOWN":
		return `member("known")`, nil
	case name == "UNKNOWN":
		return `member("unknown")`, nil
	case name == "BOOTP":
		return `pkt.type == "BOOTP"`, nil
	case strings.HasPrefix(name, vendorClassPrefix):
		return vendorClassTest(strings.TrimPrefix(name, vendorClassPrefix)), nil
	case strings.HasPrefix(name, spawnPrefix):
		return t.spawned(name)
	}
	return "", fmt.Errorf("class %s is not defined before this", name)
}

// spawned returns the test of a class that a template class makes: SPAWN_TEMPLATE_value.
func (t *translator) spawned(name string) (string, error) {
	rest := strings.TrimPrefix(name, spawnPrefix)
	for i := range len(rest) {
		if octets := t.classes.templates[rest[:i]]; octets != "" && rest[i] == '_' {
			return "(" + octets + ") == " + bytesLiteral(rest[i+1:]), nil
		}
	}
	return "", fmt.Errorf("class %s is made by no template class before this", name)
}

// nameClass gives a class a name that ours may have, each once.
func (t *translator) nameClass(name string) string {
	out := strings.TrimPrefix(cleanName(name), "not-")
	if out == "" {
		out = "class"
	}
	for base, i := out[:min(len(out), 56)], 2; t.classes.taken[out]; i++ {
		out = fmt.Sprintf("%s-%d", base, i)
	}
	t.classes.taken[out] = true
	t.classes.ours[name] = out
	return out
}

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

// guard adds the guard of a network, a subnet or a pool to those above it.
func (t *translator) guard(n *node, l level) level {
	g := guardOf(n)
	if g == nil {
		t.taken(firstOf(n, "client-class", "client-classes"))
		return l
	}
	names := []string{g.text}
	if g.form == isList {
		names = t.words(g)
	}
	var any []string
	for _, name := range names {
		switch {
		case name == "ALL":
			t.taken(g)
			return l
		case t.isScope(name) && t.classes.ours[name] == "" && t.classes.lost[name] == "":
			t.changed(g, "the scope of a pair of servers was dropped: every node serves the whole", "")
			l.ha = true
			return l
		}
		l.ha = l.ha || t.classes.scoped[name]
		any = append(any, t.guardName(name, g))
	}
	if r := n.get("reservations"); r != nil && len(r.items) > 0 {
		t.remarkOn(r, r.element, "hold for their clients, in the class that guards the subnet or not")
	}
	l.guards = append(slices.Clone(l.guards), any)
	if !g.told {
		t.taken(g)
	}
	return l
}

// guardName returns our name of a class that guards something. One that Kea makes by itself gets a
// definition; one that was left behind keeps its name, so that what it guards is left behind, too.
func (t *translator) guardName(name string, g *node) string {
	switch {
	case name == "KNOWN":
		return config.Known
	case name == "UNKNOWN":
		return config.Unknown
	case t.classes.ours[name] != "":
		return t.classes.ours[name]
	}
	test, err := t.memberTest(name)
	if err != nil {
		return t.deadName(name)
	}
	k := &class{at: g, kea: name, name: t.nameClass(name), test: test}
	t.draft.classes = append(t.draft.classes, k)
	t.changed(g, "Kea's own class became "+k.name+": "+k.test, "")
	return k.name
}

// deadName returns a name that no class has.
func (t *translator) deadName(name string) string {
	out := cleanName(name)
	for t.classes.taken[out] && !t.classes.dead[out] {
		out += "."
	}
	t.classes.taken[out], t.classes.dead[out] = true, true
	return out
}

// guardClasses returns the classes of a pool under guards at several levels. A client must pass all of them,
// and a pool names classes of which any will do: so several become one class of their own.
func (t *translator) guardClasses(n *node, guards [][]string) []string {
	var all [][]string
	for _, any := range guards {
		if !slices.ContainsFunc(all, func(other []string) bool { return slices.Equal(other, any) }) {
			all = append(all, any)
		}
	}
	switch len(all) {
	case 0:
		return nil
	case 1:
		return all[0]
	}
	var tests, names []string
	for _, any := range all {
		var members []string
		for _, name := range any {
			if t.classes.dead[name] {
				return []string{name} // Left behind: so is the pool.
			}
			members = append(members, "member("+textLiteral(name)+")")
		}
		text := strings.Join(members, " || ")
		if len(members) > 1 {
			text = "(" + text + ")"
		}
		tests = append(tests, text)
		names = append(names, strings.Join(any, "-or-"))
	}
	joined := strings.Join(names, "-and-")
	if t.classes.ours[joined] == "" {
		k := &class{at: n, kea: joined, name: t.nameClass(joined), test: strings.Join(tests, " && ")}
		t.draft.classes = append(t.draft.classes, k)
		t.remarkOn(n, n.element, "guards at several levels became the class "+k.name)
	}
	return []string{t.classes.ours[joined]}
}
