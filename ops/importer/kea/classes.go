package kea

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"port67/storage/config"
	"port67/storage/option"
)

// classNames is the classes of the file as far as they were translated.
type classNames struct {
	ours      map[string]string // our name of Kea's
	taken     map[string]bool   // our names that are in use
	templates map[string]phrase // what a template class is made of, by Kea's name
	kept      map[string]bool   // template classes that are templates here, too, by Kea's name
	demanded  map[string]bool   // classes that count where they are asked for only, by Kea's name
	lost      map[string]string // Kea's name of a class that was left behind, and why
	assigned  map[string]roll   // the clients that reservations put into a class, by Kea's name
	scoped    map[string]bool   // Kea's names of classes whose test names a scope of a pair
}

// clientClasses translates the classes, in their order.
func (t *translator) clientClasses(obj *node, above level) {
	t.classes = classNames{
		ours: make(map[string]string), taken: make(map[string]bool),
		templates: make(map[string]phrase), kept: make(map[string]bool), demanded: make(map[string]bool),
		lost:   make(map[string]string),
		scoped: make(map[string]bool), assigned: make(map[string]roll),
	}
	for _, name := range config.ReadyMade() {
		t.classes.taken[name] = true // Kea's class of that name is another one.
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
	k := &class{at: n, kea: name, ignore: name == dropClass, onDemand: onDemand(n)}
	s := t.speaker()
	if err := t.testOf(s, n, k); err != nil {
		t.lose(n, name, "its test cannot be said here: "+err.Error(), "write the test by hand, as classes[].test; "+
			"until then nobody is in the class, and what is for it alone is left out")
		return
	}
	if t.half(n, s, name, k.test) {
		return
	}
	k.name = t.nameClass(name)
	switch {
	case k.ignore:
		t.changed(at, "became ignore: on", "")
	case k.name != name:
		t.changed(at, "became "+k.name, "")
	default:
		t.taken(at)
	}
	t.classLimits(n, k)
	t.local = nil
	for _, def := range t.objects(n, "option-def") {
		t.optionDef(def, true)
	}
	t.settingsOf(n, &k.settings, above)
	t.local = nil
	for _, key := range []string{"test", "template-test"} {
		if test := n.get(key); test != nil {
			t.changed(test, strings.Join(append([]string{"became " + k.test + k.template}, s.notes...), "; "), "")
		}
	}
	t.draft.classes = append(t.draft.classes, k)
	if k.onDemand {
		t.demanded(n, k)
	}
}

// dropClass is the class whose clients Kea does not answer.
const dropClass = "DROP"

// builtIn are the tests of classes that are there by themselves in Kea.
var builtIn = map[string]string{
	"ALL": "true", "KNOWN": `member("known")`, "UNKNOWN": `member("unknown")`, "BOOTP": `member("bootp")`,
}

// testOf says who is in a class in our words: by a test, or by a template.
func (t *translator) testOf(s *speaker, n *node, k *class) error {
	src, at := t.text(n, "test")
	template, templateAt := t.text(n, "template-test")
	roll := t.classes.assigned[k.kea]
	vendor, isVendor := strings.CutPrefix(k.kea, vendorClassPrefix)
	var wrong *ExpressionError
	var err error
	switch {
	case templateAt != nil:
		wrong = t.templateOf(s, template, k, roll)
	case at != nil && src != "":
		k.test, wrong = s.test(src)
	case isVendor:
		k.test = vendorClassTest(vendor)
	case builtIn[k.kea] != "":
		k.test = builtIn[k.kea]
	case strings.HasPrefix(k.kea, spawnPrefix):
		k.test, err = t.spawned(k.kea)
	case k.onDemand && roll.empty():
		k.test = "true"
	case roll.empty():
		err = errors.New("there is none: clients come into it by reservations, hook libraries or " +
			"lists of additional classes")
	}
	if wrong != nil {
		err = wrong
	}
	if err != nil {
		return err
	}
	switch {
	case roll.empty():
	case k.test == "":
		k.test = roll.test()
	default:
		k.test = "(" + k.test + ") || " + roll.test()
	}
	if n := max(len(k.test), len(k.template)); n > testMax {
		return fmt.Errorf("it would have %d octets, at most %d", n, testMax)
	}
	return nil
}

// templateOf reads a template. It stays one if it makes text and nobody else is in the class; else the class
// has a test, and so have the values that are named.
func (t *translator) templateOf(s *speaker, src string, k *class, roll roll) *ExpressionError {
	p, wrong := s.template(src)
	if wrong != nil {
		return wrong
	}
	t.classes.templates[k.kea] = p
	switch {
	case p.sort == words && roll.empty():
		k.template = p.text
		t.classes.kept[k.kea] = true
		s.note("only values of 1 to 64 printable ASCII characters make classes")
	case p.sort == words:
		k.test = p.close() + ` != ""`
	default:
		k.test = "size(" + p.text + ") > 0"
	}
	return nil
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
			fields := t.definitions.ByCode(uint8(code)).Type.Fields
			return len(fields) == 1 && (fields[0].Kind == option.Text || fields[0].Kind == option.Hex)
		},
		member: t.memberTest,
	}
}

// memberTest returns what stands for member('NAME'): that a client is in a class.
func (t *translator) memberTest(name string) (string, error) {
	switch {
	case t.classes.lost[name] != "":
		return "", fmt.Errorf("class %s was left behind", name)
	case t.classes.demanded[name]:
		return "", fmt.Errorf("class %s counts in some subnets only", name)
	case t.classes.ours[name] != "":
		return "member(" + textLiteral(t.classes.ours[name]) + ")", nil
	case t.isScope(name):
		return "true", nil
	case builtIn[name] != "":
		return builtIn[name], nil
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
		p, ok := t.classes.templates[rest[:i]]
		if !ok || rest[i] != '_' {
			continue
		}
		value := rest[i+1:]
		ours, good := config.ClassOfValue(t.classes.ours[rest[:i]], value)
		switch {
		case good && t.classes.kept[rest[:i]]:
			return "member(" + textLiteral(ours) + ")", nil
		case p.sort != words:
			return p.close() + " == " + bytesLiteral(value), nil
		case ascii(value):
			return p.close() + " == " + textLiteral(value), nil
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
