package kea

import (
	"fmt"
	"net/netip"
	"slices"

	"port67/ops/importer"
	"port67/storage/config"
	"port67/storage/option"
)

// Imported is what was made of a Kea configuration.
type Imported struct {
	// Config is valid: Validate has nothing to say about it.
	Config *config.Config
	Report importer.Report
	// SubnetIDs are the numbers that Kea's leases name subnets by.
	SubnetIDs map[netip.Prefix]uint32
	// LeaseFile is the memfile that the configuration names; empty if it names none.
	LeaseFile string
}

// Import reads a Kea DHCPv4 configuration (JSON with comments and includes) and returns ours. It does not
// fail on what it does not know: the report lists every element that was changed or left behind, with its
// line, so that an operator can decide whether the rest is good enough. The error, a *SyntaxError, is for
// input that is no Kea DHCPv4 configuration at all.
//
// name is the file's name for the report, open returns the files that it includes. checks say more than
// Validate about what is wrong with a configuration, in the same paths: what they object to is left behind,
// too.
func Import(name string, src []byte, open Open, checks ...Check) (*Imported, error) {
	t, root, err := translate(name, src, open)
	if err != nil {
		return nil, err
	}
	t.checks = checks
	t.out.Config = t.prune()
	t.tellRoll()
	t.untold(root)
	t.finish()
	return t.out, nil
}

// Check returns what is wrong with a configuration.
type Check func(*config.Config) []config.Problem

// translate makes the draft.
func translate(name string, src []byte, open Open) (*translator, *node, error) {
	root, twice, err := parse(name, src, open)
	if err != nil {
		return nil, nil, err
	}
	dhcp4 := root.get("Dhcp4")
	if dhcp4 == nil || dhcp4.form != isObject {
		return nil, nil, noDhcp4(name, root)
	}
	t := &translator{draft: &draft{}, out: &Imported{SubnetIDs: make(map[netip.Prefix]uint32)}}
	t.order = make(map[*node]int)
	t.number(root)
	for _, n := range twice {
		t.number(n)
		t.left(n, "stands twice in one object, and Kea would refuse that; the first was read", "remove one of them")
	}
	t.root(root, dhcp4)
	return t, root, nil
}

// noDhcp4 says why a file without Dhcp4 is none of ours.
func noDhcp4(name string, root *node) *SyntaxError {
	e := &SyntaxError{File: name, Line: root.line, Column: root.column}
	switch {
	case root.form != isObject:
		e.Text = "begins with " + root.form.String() + ": a Kea configuration is an object, {\"Dhcp4\": {…}}"
	case root.get("Dhcp6") != nil:
		e.Text = "a configuration of kea-dhcp6: this release serves DHCPv4 only; name the file of kea-dhcp4"
	case root.get("Control-agent") != nil || root.get("DhcpDdns") != nil || root.get("Netconf") != nil:
		e.Text = "a configuration of another of Kea's daemons: name the file of kea-dhcp4"
	default:
		e.Text = "no Dhcp4 in it: name the file that kea-dhcp4 is started with, usually /etc/kea/kea-dhcp4.conf"
	}
	return e
}

// remark is what the report will say about a node.
type remark struct {
	at      *node
	verdict importer.Verdict
	element string
	why     string
	todo    string
	inside  bool // of something that at does not hold as a value of its own: the rest of at counts
}

// translator makes a draft of our configuration out of the tree of Kea's, and remarks on every node.
type translator struct {
	out     *Imported
	draft   *draft
	checks  []Check
	remarks []remark
	order   map[*node]int // the place of a node in the order of reading

	definitions *option.Definitions
	forms       []defined // the options that the file defines
	local       []defined // those that the class in hand defines for itself
	classes     classNames
	globals     []*node   // global reservations
	global      []*subnet // those that global reservations count for
	flex        *flexID   // nil without the hook, or if its expression cannot be said
	rolled      []*node   // classes that reservations put their clients into
	pings       bool      // the ping check hook is loaded
	pair        bool      // the servers are a pair, or more
	limited     bool      // the hook library for limits is there
	scopes      []string  // of the pair: HA_ and the name of a server; none where the file does not say
}

// number gives the nodes their order.
func (t *translator) number(n *node) {
	t.order[n] = len(t.order)
	for _, m := range n.members {
		t.number(m.value)
	}
	for _, i := range n.items {
		t.number(i)
	}
}

func (t *translator) say(n *node, v importer.Verdict, why, todo string) {
	if n == nil {
		return
	}
	n.told = true
	t.remarks = append(t.remarks, remark{at: n, verdict: v, element: n.element, why: why, todo: todo})
}

// taken says that nodes mean the same with us. Nodes that are nil are not there.
func (t *translator) taken(nodes ...*node) {
	for _, n := range nodes {
		t.say(n, importer.Taken, "", "")
	}
}

func (t *translator) changed(n *node, why, todo string) { t.say(n, importer.Changed, why, todo) }

// instead says that a node was changed after all, of which it was said that it was taken.
func (t *translator) instead(n *node, why string) {
	t.remarks = slices.DeleteFunc(t.remarks, func(r remark) bool {
		return r.at == n && n != nil && r.verdict == importer.Taken
	})
	t.changed(n, why, "")
}

// left says that a node was left behind. What was said of it, or of anything in it, is taken back.
func (t *translator) left(n *node, why, todo string) {
	t.remarks = slices.DeleteFunc(t.remarks, func(r remark) bool { return r.at == n && n != nil })
	t.say(n, importer.Left, why, todo)
}

// remarkOn adds what the file does not say, but Kea means, at the place of n.
func (t *translator) remarkOn(n *node, element, why string) {
	if n == nil {
		return
	}
	r := remark{at: n, verdict: importer.Changed, element: element, why: why, inside: true}
	t.remarks = append(t.remarks, r)
}

// leftIn says that something which Kea means at n, without a value of its own, was left behind.
func (t *translator) leftIn(n *node, element, why string) {
	r := remark{at: n, verdict: importer.Left, element: element, why: why, inside: true}
	t.remarks = append(t.remarks, r)
}

// untold leaves behind what nobody said anything about, so that nothing is lost in silence.
func (t *translator) untold(n *node) {
	switch {
	case n.told:
	case n.form == isObject && len(n.members) > 0:
		for _, m := range n.members {
			if !m.value.told {
				t.unknown(m.key, m.value)
			}
		}
	case n.form == isList && len(n.items) > 0:
		for _, i := range n.items {
			t.untold(i)
		}
	case n.form == isObject || n.form == isList:
		t.taken(n) // Empty: nothing was asked for.
	default:
		t.left(n, "not known to this importer", "look it up in Kea's manual; nothing was made of it")
	}
}

// unknown tells of a member by the table of keywords, or else looks into it.
func (t *translator) unknown(key string, n *node) {
	why, known := keywords[key]
	if !known {
		t.untold(n)
		return
	}
	t.say(n, why.verdict, why.why, why.todo)
}

// finish makes the report: in the order of the file, without what was said about parts of what was left.
func (t *translator) finish() {
	gone := make(map[*node]bool)
	for _, r := range t.remarks {
		if r.verdict == importer.Left && !r.inside {
			gone[r.at] = true
		}
	}
	slices.SortStableFunc(t.remarks, func(a, b remark) int { return t.order[a.at] - t.order[b.at] })
	for _, r := range t.remarks {
		if partOf(r.at, gone) {
			continue
		}
		t.out.Report.Entries = append(t.out.Report.Entries, importer.Entry{
			File: r.at.file, Line: r.at.line, Column: r.at.column, Element: orWhole(r.element), Verdict: r.verdict,
			Why: r.why, Todo: r.todo,
		})
	}
}

// partOf says whether n lies in a node of gone, and is not that node.
func partOf(n *node, gone map[*node]bool) bool {
	for p := n.parent; p != nil; p = p.parent {
		if gone[p] {
			return true
		}
	}
	return false
}

func orWhole(element string) string {
	if element == "" {
		return "the file"
	}
	return element
}

// text returns the text of a member. Another form is left behind.
func (t *translator) text(obj *node, key string) (string, *node) {
	n := obj.get(key)
	if n == nil || n.told {
		return "", nil
	}
	if n.form != isText {
		t.wrongForm(n, "text")
		return "", nil
	}
	return n.text, n
}

// bool returns a truth, nil if it is not there.
func (t *translator) bool(obj *node, key string) (*bool, *node) {
	n := obj.get(key)
	if n == nil || n.told {
		return nil, nil
	}
	if n.form != isBool {
		t.wrongForm(n, "true or false")
		return nil, nil
	}
	return &n.yes, n
}

// uint returns a number of 32 bits, nil if it is not there.
func (t *translator) uint(obj *node, key string) (*uint32, *node) {
	n := obj.get(key)
	if n == nil || n.told {
		return nil, nil
	}
	v, ok := parseUint(n.text, 32)
	if n.form != isNumber || !ok {
		t.wrongForm(n, "a whole number of 32 bits")
		return nil, nil
	}
	u := uint32(v)
	return &u, n
}

// list returns the items of a list.
func (t *translator) list(obj *node, key string) []*node {
	n := obj.get(key)
	if n == nil || n.told {
		return nil
	}
	if n.form != isList {
		t.wrongForm(n, "a list")
		return nil
	}
	return n.items
}

// objects returns the items of a list that are objects.
func (t *translator) objects(obj *node, key string) []*node {
	var out []*node
	for _, n := range t.list(obj, key) {
		if n.form == isObject {
			out = append(out, n)
		} else {
			t.wrongForm(n, "an object")
		}
	}
	return out
}

// words returns the texts of a list.
func (t *translator) words(n *node) []string {
	var out []string
	for _, i := range n.items {
		if i.form == isText {
			out = append(out, i.text)
		} else {
			t.wrongForm(i, "text")
		}
	}
	return out
}

func (t *translator) wrongForm(n *node, want string) {
	t.left(n, fmt.Sprintf("is %s where Kea wants %s", n.form, want), "correct it; Kea would refuse it, too")
}
