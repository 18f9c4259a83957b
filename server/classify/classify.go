// Package classify finds the classes that a client is in: it compiles the expressions of a configuration's
// classes once, and evaluates them for a message, as far as the configuration uses them.
//
// Read this file first, then words.go, which has the vocabulary of the expressions;
// docs/operations/classes.md is the same for administrators. It is the only package that knows the library
// for expressions (CEL).
//
// This package is a codec.
package classify

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"

	"port67/storage/config"
	"port67/storage/option"
)

// Packet is what expressions may read of a client's message.
type Packet struct {
	Type                           string // DISCOVER, REQUEST, DECLINE, RELEASE, INFORM or BOOTP
	HType, HLen, Hops              uint8
	XID                            uint32
	Secs, Flags                    uint16
	CIAddr, GIAddr, Source, Target netip.Addr // an invalid one reads as 0.0.0.0
	CHAddr                         []byte     // as many octets as HLen says
	Interface                      string
	Relayed                        bool
	RelayInfo                      []byte        // option 82; empty if there is none
	Options                        Options       // all others
	Now                            config.Moment // when the message is judged
}

// get returns the value of an option and whether it is there.
func (p *Packet) get(code uint8) ([]byte, bool) {
	if code == optRelayInfo {
		return p.RelayInfo, len(p.RelayInfo) > 0
	}
	return p.Options.Get(code)
}

// Options are the options of a message, their pieces joined (RFC 3396).
type Options interface {
	// Get returns the value of an option and whether it was there.
	Get(code uint8) ([]byte, bool)
}

// Set is the classes of one configuration, ready to be evaluated. It is immutable.
type Set struct {
	named       []named
	classes     []class
	byName      map[string]int
	definitions *option.Definitions
	templates   []int             // into classes: those of whose values reserved knows some
	reserved    func(string) bool // says whether a reservation is for a class
}

// class is a class of the file with its expression.
type class struct {
	name     string
	template bool
	program  cel.Program // nil: it could not be compiled, or is a value of a template
}

// named is a class that decides about something.
type named struct {
	name      string
	readyMade bool
	index     int    // into Set.classes: of the class, or of the template that it is a value of
	value     string // of that template
	// values says that every value of the template decides: each has a limit.
	values bool
	// dated are the classes that hold for everybody, before at or from it on.
	dated, before bool
	at            config.Moment
}

// New compiles the expressions of c. A class whose expression cannot be compiled is told of as a problem, and
// the clients' lists of classes then say of it that it is undecided. That does not happen to a configuration
// that was checked by the same release.
func New(c *config.Compiled) (*Set, []config.Problem) {
	s := &Set{byName: make(map[string]int), definitions: c.Config.Definitions()}
	var problems []config.Problem
	if len(c.Config.Classes) > 0 {
		problems = s.compile(c.Config)
	}
	for _, name := range c.Named {
		n := named{name: name, index: -1}
		if i, ok := s.byName[name]; ok {
			n.index = i
		}
		if template, ok := config.TemplateOf(name); ok {
			n.index, n.value = s.byName[template], name[len(template)+1:]
		}
		n.values = n.index >= 0 && n.value == "" && c.Quotas.CountsValues(name)
		n.at, n.before, n.dated = config.DatedClass(name)
		n.readyMade = n.index < 0
		s.named = append(s.named, n)
	}
	s.reserved = c.ReservesClass
	for _, name := range c.ReservingTemplates {
		s.templates = append(s.templates, s.byName[name])
	}
	return s, problems
}

// Check returns what is wrong with the expressions of c, in the order of the file, or nothing. What Validate
// finds is not repeated.
func Check(c *config.Config) []config.Problem {
	if len(c.Classes) == 0 {
		return nil
	}
	return new(Set).compile(c)
}

// compile fills in the classes of c, and returns what is wrong with them.
func (s *Set) compile(c *config.Config) []config.Problem {
	s.byName = make(map[string]int, len(c.Classes))
	s.definitions = c.Definitions()
	e, err := newCompiler(c, s)
	if err != nil {
		return []config.Problem{{Path: "classes", Text: err.Error()}}
	}
	var problems []config.Problem
	for i := range c.Classes {
		from := &c.Classes[i]
		one := class{name: from.Name, template: from.Template != ""}
		path := fmt.Sprintf("classes[%d].", i)
		var found []config.Problem
		switch {
		case from.Template != "":
			one.program, found = e.compile(i, path+"template", from.Template, types.StringType)
		case from.Test != "":
			one.program, found = e.compile(i, path+"test", from.Test, types.BoolType)
		}
		problems = append(problems, found...)
		s.classes = append(s.classes, one)
		if _, taken := s.byName[from.Name]; !taken {
			s.byName[from.Name] = i
		}
	}
	return problems
}

// Of returns the names of the classes that the sender of p is in, of those that the configuration uses, in
// its order; known says whether it has a reservation on its link. A test that fails is false: errors says
// which did and why. p is not kept.
//
// The evaluation is bounded: expressions have no loops, and each may cost so much only (costMax).
func (s *Set) Of(p *Packet, known bool) (names []string, errors []error) {
	if len(s.named)+len(s.templates) == 0 {
		return nil, nil
	}
	e := evaluation{set: s, packet: p, known: known}
	for i := range s.named {
		n := &s.named[i]
		in := false
		switch {
		case n.dated:
			in = p.Now < n.at == n.before
		case n.readyMade:
			in = readyMade(n.name, p, known)
		case s.classes[n.index].undecided(n):
			names = append(names, config.Undecided(n.name))
			e.errors = append(e.errors, fmt.Errorf("class %s: its expression was not compiled", n.name))
		default:
			in = e.in(n.index, n.value)
		}
		if in {
			names = append(names, n.name)
		}
		if in && n.values {
			names = s.withValue(names, n.name, e.done[n.index].value)
		}
	}
	for _, i := range s.templates {
		name, made := e.made(i)
		if made && s.reserved(name) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, e.errors
}

// withValue appends the class of a value that a template made, unless it decides by itself: then it has its
// own place.
func (s *Set) withValue(names []string, template, value string) []string {
	name, ok := config.ClassOfValue(template, value)
	if !ok || slices.ContainsFunc(s.named, func(n named) bool { return n.name == name }) {
		return names
	}
	return append(names, name)
}

// made returns the class of the value that template i makes, if it makes one.
func (e *evaluation) made(i int) (string, bool) {
	if !e.in(i, "") {
		return "", false
	}
	return config.ClassOfValue(e.set.classes[i].name, e.done[i].value)
}

// undecided says whether nobody can tell who is in the class, because it was not compiled.
func (c *class) undecided(n *named) bool { return c.program == nil && (n.value == "" || c.template) }

// evaluation is the classes of one message, as far as somebody asked for them.
type evaluation struct {
	set    *Set
	packet *Packet
	known  bool
	done   []verdict // by index of the class; nil until the first is evaluated
	errors []error
	absent bool // the present expression looks at an option that the message does not have
}

// verdict is what came of one expression.
type verdict struct {
	judged bool
	in     bool
	value  string // that the template made
}

// in says whether the client is in class i, or in that of a value if i is a template and value not empty.
func (e *evaluation) in(i int, value string) bool {
	if e.done == nil {
		e.done = make([]verdict, len(e.set.classes))
	}
	v := &e.done[i]
	if !v.judged {
		v.judged = true // Before: no class can ask for itself.
		in, made, err := e.judge(&e.set.classes[i])
		if err != nil {
			e.errors = append(e.errors, fmt.Errorf("class %s: %w", e.set.classes[i].name, err))
		}
		*v = verdict{judged: true, in: in, value: made}
	}
	return v.in && (value == "" || v.value == value)
}

// noOverload is what the library says when a function gets a value of a type that it does not take.
const noOverload = "no such overload"

// judge evaluates the expression of c. One that fails at an option which is not there is no failure: most
// messages do not have the options that classes are made of.
func (e *evaluation) judge(c *class) (in bool, value string, err error) {
	if c.program == nil {
		return false, "", nil
	}
	outer := e.absent // One expression may ask for the class of another.
	e.absent = false
	result, _, err := c.program.Eval(e)
	absent := e.absent
	e.absent = outer
	switch {
	case err != nil && absent && strings.Contains(err.Error(), noOverload):
		return false, "", nil
	case err != nil:
		return false, "", err
	}
	switch r := result.(type) {
	case types.Bool:
		if !c.template {
			return bool(r), "", nil
		}
	case types.String:
		if !c.template {
			break
		}
		if r == "" {
			return false, "", nil
		}
		if _, ok := config.ClassOfValue(c.name, string(r)); !ok {
			return false, "", fmt.Errorf("%q: a value is at most %d printable ASCII characters", string(r),
				config.ValueOctetsMax)
		}
		return true, string(r), nil
	case types.Null:
		return false, "", nil // An option that is not there.
	}
	want := "true or false"
	if c.template {
		want = "a text"
	}
	return false, "", fmt.Errorf("%s: %s is wanted", result.Type().TypeName(), want)
}

// member says whether the client is in the class of that name; the compiler has seen to it that there is one.
func (e *evaluation) member(name string) bool {
	if i, ok := e.set.byName[name]; ok && e.set.classes[i].program != nil {
		return e.in(i, "")
	}
	if template, ok := config.TemplateOf(name); ok {
		i, known := e.set.byName[template]
		return known && e.in(i, strings.TrimPrefix(name, template+":"))
	}
	return readyMade(name, e.packet, e.known)
}
