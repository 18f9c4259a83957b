package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Class is the clients that pass a test, or of which a template makes a name. The expressions are compiled
// and evaluated in server/classify; whoever decides about a client is told the names of its classes.
type Class struct {
	// Name is what guards call the class. NAME:VALUE is the clients of which the template of NAME makes
	// VALUE; it has neither test nor template of its own, and needs to be listed only for its settings.
	Name     string `json:"name"`
	Test     string `json:"test,omitempty"`
	Template string `json:"template,omitempty"`
	// Ignore has the clients of the class not answered (V4-088).
	Ignore bool `json:"ignore,omitempty"`
	// Limit is how many addresses clients of the class may hold together; of a template, those of each value. 0
	// is no limit, and for a value that of its template.
	Limit uint32 `json:"limit,omitempty"`
	Settings
}

// The classes that need no definition. Known is the clients that have a reservation on the link they are on,
// Unknown is all others: whoever decides about a client puts one of them into its classes, and the log judges
// that again. The others follow from what the client says.
const (
	Known        = "known"
	Unknown      = "unknown"
	BOOTP        = "bootp"          // no option 53 (RFC 1534)
	PXE          = "pxe"            // vendor class PXEClient
	PXEBIOS      = "pxe-bios"       // of these, by option 93 (RFC 4578 §2.1): PC BIOS
	PXEUEFIIA32  = "pxe-uefi-ia32"  // UEFI of 32 bits
	PXEUEFIX64   = "pxe-uefi-x64"   // UEFI of 64 bits
	PXEUEFIARM64 = "pxe-uefi-arm64" // UEFI of 64-bit ARM
	HTTPClient   = "http-client"    // UEFI that boots by HTTP
	IPXE         = "ipxe"           // iPXE, by its user class or its option 175
	RandomMAC    = "random-mac"     // a hardware address that its client made up (W-010)
)

// ReadyMade returns the names of the classes that need no definition, Known and Unknown first.
func ReadyMade() []string {
	return []string{
		Known, Unknown, BOOTP, PXE, PXEBIOS, PXEUEFIIA32, PXEUEFIX64, PXEUEFIARM64, HTTPClient, IPXE, RandomMAC,
	}
}

const (
	// notPrefix before the name of a class in a guard excludes its clients.
	notPrefix = "not-"
	// undecidedPrefix before the name of a class in the classes of a client says that a node could not
	// compile the test of that class. It opens no guard that names the class, and shuts those that exclude
	// it.
	undecidedPrefix = "?"
	// valueMark stands between the name of a template and a value.
	valueMark = ":"
)

// What classes may be at most. Every test may be evaluated for every message, and the names of a client's
// classes travel through the log.
const (
	classesMax      = 1024
	testOctetsMax   = 4096
	ValueOctetsMax  = 64   // of a value that a template makes
	guardClassesMax = 64   // in one guard
	namedMax        = 4096 // classes that decide about anything
)

// Undecided returns the name that stands among the classes of a client for a class whose test could not be
// compiled.
func Undecided(name string) string { return undecidedPrefix + name }

// ClassOfValue returns the name of the class of the clients of which template name makes value. It is false
// for a value that no class is named by: an empty one, one of more than ValueOctetsMax octets, one with
// anything but printable ASCII in it or with a space at its ends.
func ClassOfValue(name, value string) (string, bool) {
	if value == "" || len(value) > ValueOctetsMax || strings.TrimSpace(value) != value {
		return "", false
	}
	for _, b := range []byte(value) {
		if b < 0x20 || b > 0x7e {
			return "", false
		}
	}
	return name + valueMark + value, true
}

// TemplateOf returns the template that a class is a value of.
func TemplateOf(name string) (template string, ok bool) {
	template, _, ok = strings.Cut(name, valueMark)
	return template, ok
}

// guard says which clients something is for. The zero guard is open to all.
type guard struct{ only, without []string }

// compiledOption is an option with its guard.
type compiledOption struct {
	Option
	guard guard
}

// compileGuard reads what an administrator wrote: classes of which any admits, and classes with not- before
// them, of which any excludes.
func compileGuard(classes []string) guard {
	var g guard
	for _, name := range classes {
		if excluded, ok := strings.CutPrefix(name, notPrefix); ok {
			g.without = append(g.without, excluded, Undecided(excluded))
		} else {
			g.only = append(g.only, name)
		}
	}
	return g
}

// open says whether the guard lets a client of these classes pass.
func (g *guard) open(classes []string) bool {
	for _, c := range g.without {
		if slices.Contains(classes, c) {
			return false
		}
	}
	for _, c := range g.only {
		if slices.Contains(classes, c) {
			return true
		}
	}
	return len(g.only) == 0
}

// shuts says whether the guard is shut to clients of class, Known or Unknown, whatever else they are.
func (g *guard) shuts(class string) bool {
	if slices.Contains(g.without, class) {
		return true
	}
	mayOpen := func(c string) bool { return c == class || c != Known && c != Unknown }
	return len(g.only) > 0 && !slices.ContainsFunc(g.only, mayOpen)
}

// Open says whether a client of these classes may use the pool: if it is in any of the classes that the pool
// names, or the pool names none, and in none of those that the pool excludes. Whether it may use the subnet
// is another question.
func (p *CompiledPool) Open(classes []string) bool { return p.guard.open(classes) }

// Open says whether a client of these classes may be given an address of s, a reserved one included: both s
// and its shared network must be open to it as a pool is.
func (s *CompiledSubnet) Open(classes []string) bool {
	return s.guard.open(classes) && s.Link.guard.open(classes)
}

// Denies says whether clients of these classes are not to be answered.
func (c *Compiled) Denies(classes []string) bool {
	for _, name := range c.denied {
		if slices.Contains(classes, name) {
			return true
		}
	}
	return false
}

// compileClasses finds out which classes decide about anything.
func (c *Compiled) compileClasses() {
	used := make(map[string]bool)
	c.denied = slices.Clone(c.Config.Deny)
	for i := range c.Config.Classes {
		class := &c.Config.Classes[i]
		if class.Limit > 0 {
			used[class.Name] = true
		}
		if class.Ignore {
			c.denied = append(c.denied, class.Name)
		}
		if !class.Settings.empty() {
			used[class.Name] = true
			c.withSettings = append(c.withSettings, class)
		}
	}
	for _, name := range c.denied {
		used[name] = true
	}
	for _, name := range c.Config.guards() {
		used[strings.TrimPrefix(name, notPrefix)] = true
	}
	c.reservedClasses()
	for name := range c.reserved { //tidy:sorted it goes from one set into another
		if _, value := TemplateOf(name); !value {
			used[name] = true
		}
	}
	take := func(name string) {
		if used[name] {
			used[name] = false
			c.Named = append(c.Named, name)
		}
	}
	used[Known], used[Unknown] = false, false
	for _, name := range ReadyMade() {
		take(name)
	}
	for i := range c.Config.Classes {
		take(c.Config.Classes[i].Name)
	}
	for _, name := range slices.Concat(c.Config.Deny, c.Config.guards()) {
		take(strings.TrimPrefix(name, notPrefix)) // Values that only a guard names.
	}
}

// reservedClasses notes the classes that reservations are for, and which of them are made by templates.
func (c *Compiled) reservedClasses() {
	c.reserved = make(map[string]bool)
	made := make(map[string]bool)
	note := func(list []Reservation) {
		for i := range list {
			for _, name := range list[i].Class {
				c.reserved[name] = true
				if template, ok := TemplateOf(name); ok {
					made[template] = true
				}
			}
		}
	}
	note(c.Config.Reservations)
	for i := range c.Config.Subnets {
		note(c.Config.Subnets[i].Reservations)
	}
	for i := range c.Config.Classes {
		if name := c.Config.Classes[i].Name; made[name] {
			c.ReservingTemplates = append(c.ReservingTemplates, name)
		}
	}
}

// guards returns what all guards of c name, in the order of the file.
func (c *Config) guards() []string {
	var out []string
	settings := func(s *Settings) {
		for i := range s.Guarded {
			out = append(out, s.Guarded[i].Classes...)
		}
	}
	settings(&c.Settings)
	for i := range c.Classes {
		settings(&c.Classes[i].Settings)
	}
	for i := range c.SharedNetworks {
		out = append(out, c.SharedNetworks[i].Classes...)
		out = append(out, c.SharedNetworks[i].Period.guards()...)
		settings(&c.SharedNetworks[i].Settings)
	}
	for i := range c.Subnets {
		s := &c.Subnets[i]
		out = append(out, s.Classes...)
		out = append(out, s.Period.guards()...)
		settings(&s.Settings)
		for j := range s.Pools {
			out = append(out, s.Pools[j].Classes...)
			out = append(out, s.Pools[j].Period.guards()...)
			settings(&s.Pools[j].Settings)
		}
		for j := range s.Reservations {
			settings(&s.Reservations[j].Settings)
		}
	}
	for i := range c.Reservations {
		settings(&c.Reservations[i].Settings)
	}
	return out
}

// classes checks the classes, and what is denied. What is wrong with an expression itself is for
// server/classify to find.
func (v *validator) classes() {
	first := make(map[string]int)
	templates := make(map[string]bool)
	for i := range v.config.Classes {
		c := &v.config.Classes[i]
		path := "classes[" + strconv.Itoa(i) + "]"
		if at, taken := first[c.Name]; taken {
			v.problem(path+".name", "%s is the name of classes[%d], too: names are used once", c.Name, at)
		} else if why := checkClassName(c.Name, templates); why != "" {
			v.problem(path+".name", "%s", why)
		} else {
			first[c.Name] = i
			templates[c.Name] = c.Template != ""
		}
		v.expressions(path, c)
		v.quota(path+".limit", c.Limit)
		v.settings(path, &c.Settings, v.global)
		v.noIdentity(path, &c.Identity, "by class")
	}
	if n := len(v.config.Classes); n > classesMax {
		v.problem("classes", "%d: at most %d", n, classesMax)
	}
	for i, name := range v.config.Deny {
		at := "deny[" + strconv.Itoa(i) + "]"
		if slices.Contains(v.config.Deny[:i], name) {
			v.problem(at, "%s stands twice: keep one", name)
		} else {
			v.className(at, name, "")
		}
	}
	if n := len(v.config.guards()); n > namedMax {
		v.problem("classes", "named %d times in guards: at most %d", n, namedMax)
	}
}

// expressions checks which expressions a class has.
func (v *validator) expressions(path string, c *Class) {
	_, value := TemplateOf(c.Name)
	switch {
	case value && (c.Test != "" || c.Template != ""):
		v.problem(path, "%s is a value of a template: it takes settings, but neither test nor template", c.Name)
	case !value && c.Test == "" && c.Template == "":
		v.problem(path, "no expression: give test or template")
	case c.Test != "" && c.Template != "":
		v.problem(path+".template", "beside a test: write two classes")
	}
	for _, e := range []struct{ key, text string }{{"test", c.Test}, {"template", c.Template}} {
		if len(e.text) > testOctetsMax {
			v.problem(path+"."+e.key, "%d octets: at most %d", len(e.text), testOctetsMax)
		}
	}
}

// checkClassName says what is wrong with the name of a class. templates has the classes that stand before it,
// and whether they are templates.
func checkClassName(name string, templates map[string]bool) string {
	if template, ok := TemplateOf(name); ok {
		_, good := ClassOfValue(template, name[len(template)+len(valueMark):])
		switch {
		case !templates[template]:
			return fmt.Sprintf("%s: a value of %s, which is no class with a template that stands before it", name,
				template)
		case !good:
			return fmt.Sprintf("%q: a value is 1 to %d printable ASCII characters, no space at its ends", name,
				ValueOctetsMax)
		}
		return ""
	}
	switch {
	case slices.Contains(ReadyMade(), name):
		return name + " is a ready-made class: give yours another name"
	case strings.HasPrefix(name, notPrefix):
		return fmt.Sprintf("%s: %s before a name excludes a class in a guard: give another name", name, notPrefix)
	}
	return checkName(name)
}

// guard checks the classes that a guard names.
func (v *validator) guard(path string, classes []string) {
	for i, c := range classes {
		at := path + "[" + strconv.Itoa(i) + "]"
		if slices.Contains(classes[:i], c) {
			v.problem(at, "%s stands twice: keep one", c)
			continue
		}
		v.className(at, strings.TrimPrefix(c, notPrefix), ", or "+notPrefix+" before it")
	}
	if len(classes) > guardClassesMax {
		v.problem(path, "%d classes: at most %d; define one class of which they are members", len(classes),
			guardClassesMax)
	}
}

// className checks that name is a class, or a value of one that has a template.
func (v *validator) className(path, name, more string) {
	if slices.Contains(v.classNames, name) {
		return
	}
	if template, ok := TemplateOf(name); ok {
		made := func(c Class) bool { return c.Name == template && c.Template != "" }
		_, good := ClassOfValue(template, name[len(template)+len(valueMark):])
		if good && slices.ContainsFunc(v.config.Classes, made) {
			return
		}
	}
	v.problem(path, "class %s unknown%s: define it under classes, or name one of %s%s", name,
		Suggest(name, v.classNames), strings.Join(ReadyMade(), ", "), more)
}
