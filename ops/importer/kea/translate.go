package kea

import (
	"fmt"
	"path"
	"strings"

	"port67/storage/config"
	"port67/storage/lease"
)

// root translates the whole file. What depends on classes and definitions comes after them.
func (t *translator) root(file, obj *node) {
	d := t.draft
	d.root = obj
	t.optionDefs(obj)
	t.oldLogging(file)
	l := t.settingsOf(obj, &d.settings, firstLevel())
	t.matchClientID(obj, &d.settings, &l, false)
	t.defaults(obj, &l)
	if !l.global {
		d.global = new(bool)
	}
	t.daemon(obj)
	t.hooks(obj)
	t.allocator(obj, &l, "of every subnet that says nothing else")
	t.clientClasses(obj, l)
	t.flexIdentifier(obj)
	t.options(obj, &d.settings)
	t.globals = t.objects(obj, "reservations")
	for _, n := range t.objects(obj, "shared-networks") {
		t.network(n, l)
	}
	for _, n := range t.objects(obj, "subnet4") {
		t.subnet(n, nil, l)
	}
	t.globalReservations()
	t.yield()
	t.standAlone()
}

// defaults says what Kea means where its file says nothing and we would do otherwise.
func (t *translator) defaults(obj *node, l *level) {
	s := &t.draft.settings
	if s.Lease == (config.LeaseTimes{}) {
		v := seconds(keaLifetime)
		l.lifetime = config.LeaseTimes{Default: v, Min: v, Max: v}
		s.Lease = l.lifetime
		s.note("lease", obj)
		t.remarkOn(obj, "valid-lifetime", "not there: Kea's default of 7200 s was written down")
	}
	if s.Authoritative == nil {
		s.Authoritative = new(bool)
		t.remarkOn(obj, "authoritative", "not there: Kea's default of false was written down; here true is usual")
	}
	if obj.get("match-client-id") == nil {
		t.remarkOn(obj, "match-client-id", "not there: "+keaMatch+"; "+keaMatchTodo)
	}
}

// daemon translates what is said of the server as a whole.
func (t *translator) daemon(obj *node) {
	if v, n := t.uint(obj, "decline-probation-period"); n != nil {
		t.draft.decline.Quarantine = lease.Seconds(*v)
		switch {
		case *v == 0 || *v > 366*86400:
			t.draft.decline.Quarantine = 0
			t.left(n, fmt.Sprintf("%d s: between 1 s and 366 days; 24 h hold", *v), "set decline.quarantine")
		default:
			t.taken(n)
		}
	}
	t.interfaces(obj.get("interfaces-config"))
	t.database(obj.get("lease-database"))
	t.loggers(obj.get("loggers"))
	t.identifiers(obj.get("host-reservation-identifiers"))
	t.compatibility(obj.get("compatibility"))
	for _, key := range []string{"4o6-subnet", "dhcp4o6-port"} {
		if n := obj.get(key); n != nil && n.text != "0" {
			t.left(n, by4o6, "")
		}
	}
}

// interfaces tells which interfaces to name in the node file.
func (t *translator) interfaces(n *node) {
	if n == nil {
		return
	}
	var names []string
	if list := n.get("interfaces"); list != nil && list.form == isList {
		for _, w := range t.words(list) {
			name, addr, found := strings.Cut(w, "/")
			if found {
				t.remarkOn(list, list.element, "of "+name+" not the address "+addr+" alone, but all are heard")
			}
			names = append(names, name)
		}
		todo := "in node.yaml of each node: interfaces: [" + strings.Join(names, ", ") + "]"
		for _, name := range names {
			if name == "*" {
				todo = "leave interfaces out of node.yaml: all that are up and have an address"
			}
		}
		t.left(list, "interfaces are a node's own", todo)
	}
	for _, m := range n.members {
		switch m.key {
		case "interfaces":
		case "dhcp-socket-type":
			if m.value.text == "udp" {
				t.left(m.value, "clients without an address are answered by raw socket where that is allowed",
					"give the daemon no CAP_NET_RAW to have UDP only")
				continue
			}
			t.taken(m.value)
		case "outbound-interface", "re-detect", "service-sockets-max-retries", "service-sockets-retry-wait-time",
			"service-sockets-require-all":
			t.say(m.value, keywordNeedless.verdict, keywordNeedless.why, "")
		}
	}
}

var keywordNeedless = needless("sockets are opened, and opened again, without being told")

// database tells where the leases are.
func (t *translator) database(n *node) {
	if n == nil {
		return
	}
	kind, _ := t.text(n, "type")
	file, _ := t.text(n, "name")
	if kind == "memfile" {
		t.out.LeaseFile = file
		if file == "" {
			file = "/var/lib/kea/kea-leases4.csv"
		}
		t.changed(n, "leases are kept in the cluster's log", "take them in: dhcpctl import kea --leases "+file)
		return
	}
	t.left(n, "leases in a database of type "+kind+" are not read",
		"dump them: kea-admin lease-dump "+kind+" -4 -o leases.csv, then dhcpctl import kea --leases leases.csv")
}

// oldLogging leaves roots other than Dhcp4 to the table.
func (t *translator) oldLogging(file *node) {
	for _, m := range file.members {
		if w, ok := keywords[m.key]; ok && m.key != "Dhcp4" {
			t.say(m.value, w.verdict, w.why, w.todo)
		}
	}
}

// loggers tells which level to write into the node file.
func (t *translator) loggers(n *node) {
	if n == nil || n.form != isList {
		return
	}
	for _, l := range n.items {
		severity, _ := t.text(l, "severity")
		word := strings.ToLower(severity)
		if word == "fatal" || word == "none" {
			word = "error"
		}
		if word == "" {
			word = "info"
		}
		t.left(l, "logs are a node's own", "in node.yaml of each node: log: {level: "+word+"}")
	}
}

// identifiers notes by what clients with a reservation are known, and in which order.
func (t *translator) identifiers(n *node) {
	t.draft.identifiers = keaIdentifiers()
	if n == nil || n.form != isList {
		return
	}
	var list []config.Identifier
	for _, i := range n.items {
		switch by := byIdentifier(i.text); {
		case by == "" && i.text == "auto":
			list = keaIdentifiers()
			t.taken(i)
		case by == "":
			t.left(i, "clients are not known by "+i.text+" here", "see the reservations")
		default:
			list = append(list, by)
			t.taken(i)
		}
	}
	t.draft.identifiers = list
}

// hooks tells what becomes of what hook libraries do.
func (t *translator) hooks(obj *node) {
	for _, n := range t.objects(obj, "hooks-libraries") {
		file, _ := t.text(n, "library")
		base := path.Base(file)
		if strings.HasPrefix(base, flexIDHook) {
			continue // When the classes are known.
		}
		w := left(noHook+"; "+base+" is not known here", "look up what it does")
		for _, h := range hooks {
			if strings.HasPrefix(base, h.name) {
				w = h.word
				t.pair = t.pair || h.name == "libdhcp_ha"
				t.limited = t.limited || h.name == "libdhcp_limits"
				if h.name == pingCheckHook {
					t.pings = true
					s := &t.draft.settings
					on := true
					s.Probe = config.Probe{ICMP: &on, TimeoutMillis: keaReplyTimeout}
					t.pingCheck(n.get("parameters"), s)
				}
				break
			}
		}
		t.say(n, w.verdict, w.why, w.todo)
		if list := n.get("parameters").get("high-availability"); list != nil {
			t.peers(list)
		}
	}
}

// keaReplyTimeout is for how many milliseconds Kea's hook waits unless it is told otherwise.
const keaReplyTimeout = 100

// pingCheck translates what the ping check hook is told at a level: in its parameters, or in the user
// context of a subnet.
func (t *translator) pingCheck(p *node, s *settings) {
	if on, at := t.bool(p, "enable-ping-check"); at != nil {
		s.Probe.ICMP = on
		t.taken(at)
	}
	if v, at := t.uint(p, "reply-timeout"); at != nil {
		s.Probe.TimeoutMillis = min(max(*v, 10), 500)
		if s.Probe.TimeoutMillis == *v {
			t.taken(at)
		} else {
			t.changed(at, fmt.Sprintf("between 10 and 500 ms: became %d ms", s.Probe.TimeoutMillis), "")
		}
	}
	if v, at := t.uint(p, "min-ping-requests"); at != nil {
		if *v == 1 {
			t.taken(at)
		} else {
			t.changed(at, "one request is sent", "")
		}
	}
	if _, at := t.uint(p, "ping-cltt-secs"); at != nil {
		t.changed(at, "the last client's address is probed as soon as its lease and the grace have ended", "")
	}
	if _, at := t.uint(p, "ping-channel-threads"); at != nil {
		w := needless(perThread)
		t.say(at, w.verdict, w.why, w.todo)
	}
}

// peers notes the scopes of a pair.
func (t *translator) peers(list *node) {
	for _, ha := range list.items {
		peers := ha.get("peers")
		if peers == nil {
			continue
		}
		for _, p := range peers.items {
			if name := p.get("name"); name != nil {
				t.scopes = append(t.scopes, "HA_"+name.text)
			}
		}
	}
}
