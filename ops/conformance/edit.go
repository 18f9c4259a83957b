package conformance

import (
	"encoding/binary"
	"net/netip"
)

// The edits of which the table's messages are made.

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

// opt adds an option.
func opt(code byte, data ...byte) Edit { return func(d *Draft, _ *Memory) { d.add(code, data...) } }

// text adds an option that holds text.
func text(code byte, s string) Edit { return opt(code, []byte(s)...) }

// optAddr adds an option that holds an address.
func optAddr(code byte, a string) Edit { return opt(code, ip(a).AsSlice()...) }

// raw adds octets where options stand.
func raw(b ...byte) Edit { return func(d *Draft, _ *Memory) { d.Options = append(d.Options, b...) } }

// list adds a parameter request list.
func list(codes ...byte) Edit { return opt(optList, codes...) }

// leaseOf adds a lease time that the client asks for.
func leaseOf(seconds uint32) Edit {
	return opt(optLease, binary.BigEndian.AppendUint32(nil, seconds)...)
}

// maxSize adds the largest datagram that the client takes.
func maxSize(n uint16) Edit { return opt(optMaxSize, binary.BigEndian.AppendUint16(nil, n)...) }

// asks adds the address that the client asks for: what of returns.
func asks(of func(m *Memory) netip.Addr) Edit {
	return func(d *Draft, m *Memory) { d.add(optRequested, of(m).AsSlice()...) }
}

// has sets ciaddr.
func has(of func(m *Memory) netip.Addr) Edit { return func(d *Draft, m *Memory) { d.CIAddr = of(m) } }

// to sets the server identifier: what of returns.
func to(of func(m *Memory) netip.Addr) Edit {
	return func(d *Draft, m *Memory) { d.add(optServer, of(m).AsSlice()...) }
}

// The addresses that a client may name.

func leased(m *Memory) netip.Addr { return m.Leased }
func heard(m *Memory) netip.Addr {
	if !m.ServerID.IsValid() {
		return serverAddr
	}
	return m.ServerID
}
func own(n int) func(*Memory) netip.Addr   { return func(m *Memory) netip.Addr { return m.own(n) } }
func is(a string) func(*Memory) netip.Addr { return func(*Memory) netip.Addr { return ip(a) } }
func other(i int) func(*Memory) netip.Addr {
	return func(m *Memory) netip.Addr { return m.All[i].Leased }
}
func stranger(*Memory) netip.Addr { return ip("10.67.0.77") } // no server of ours
func zero(*Memory) netip.Addr     { return nowhere }

// by makes the message one that the relay at giaddr g has passed on.
func by(g string) Edit {
	return func(d *Draft, _ *Memory) {
		d.GIAddr, d.Hops = ip(g), 1
		d.Src, d.Dst = netip.AddrPortFrom(d.GIAddr, serverPort), netip.AddrPortFrom(serverAddr, serverPort)
	}
}

// unicast makes the message one that its client sends to the server from an address of its own.
func unicast(from func(m *Memory) netip.Addr) Edit {
	return func(d *Draft, m *Memory) {
		d.Src, d.Dst = netip.AddrPortFrom(from(m), clientPort), netip.AddrPortFrom(serverAddr, serverPort)
	}
}

// from sets the IP source and leaves the destination.
func from(of func(m *Memory) netip.Addr) Edit {
	return func(d *Draft, m *Memory) { d.Src = netip.AddrPortFrom(of(m), clientPort) }
}

// relayInfo adds option 82 with its sub-options, each with its length.
func relayInfo(sub ...byte) Edit { return opt(optRelay, sub...) }

// set changes the draft in any other way.
func set(f func(d *Draft)) Edit { return func(d *Draft, _ *Memory) { f(d) } }

// The edits that say something about the header.

func broadcastBit() Edit    { return set(func(d *Draft) { d.Flags |= 0x8000 }) }
func flags(f uint16) Edit   { return set(func(d *Draft) { d.Flags = f }) }
func hops(n byte) Edit      { return set(func(d *Draft) { d.Hops = n }) }
func secs(n uint16) Edit    { return set(func(d *Draft) { d.Secs = n }) }
func gateway(g string) Edit { return set(func(d *Draft) { d.GIAddr = ip(g) }) }
func kind(k byte) Edit      { return set(func(d *Draft) { d.Kind = k }) }
func noEnd() Edit           { return set(func(d *Draft) { d.NoEnd = true }) }
func least(n int) Edit      { return set(func(d *Draft) { d.Least = n }) }
func cut(n int) Edit        { return set(func(d *Draft) { d.Cut = n }) }
func sum(s Sum) Edit        { return set(func(d *Draft) { d.Sum = s }) }
func hardware(b ...byte) Edit {
	return set(func(d *Draft) { d.CHAddr = [16]byte{}; copy(d.CHAddr[:], b) })
}
func hardwareType(t byte) Edit { return set(func(d *Draft) { d.HType = t }) }
func hardwareLen(n byte) Edit  { return set(func(d *Draft) { d.HLen = n }) }
func portOf(port uint16) Edit {
	return set(func(d *Draft) { d.Src = netip.AddrPortFrom(d.Src.Addr(), port) })
}
func overloaded(how byte) Edit { return opt(optOverload, how) }
func inFile(b ...byte) Edit    { return set(func(d *Draft) { copy(d.File[:], b) }) }
func inSName(b ...byte) Edit   { return set(func(d *Draft) { copy(d.SName[:], b) }) }

// clientID adds a client identifier that no other vector uses: the given octets and the client's hardware
// address.
func clientID(prefix ...byte) Edit {
	return func(d *Draft, m *Memory) {
		d.add(optClientID, append(append([]byte{}, prefix...), m.Hardware[:]...)...)
	}
}

// The messages of the table.

func discover(e ...Edit) Step { return Step{Kind: typeDiscover, Edits: e} }
func inform(e ...Edit) Step   { return Step{Kind: typeInform, Edits: e} }

// selecting is the REQUEST that takes an OFFER.
func selecting(e ...Edit) Step {
	return Step{Kind: typeRequest, Edits: append([]Edit{asks(leased), to(heard)}, e...)}
}

// reboot is the REQUEST of a client that names an address which it had.
func reboot(of func(m *Memory) netip.Addr, e ...Edit) Step {
	return Step{Kind: typeRequest, Edits: append([]Edit{asks(of)}, e...)}
}

// request is a REQUEST that the edits alone make what it is.
func request(e ...Edit) Step { return Step{Kind: typeRequest, Edits: e} }

// renew is the REQUEST that a client sends to its server alone.
func renew(of func(m *Memory) netip.Addr, e ...Edit) Step {
	return Step{Kind: typeRequest, Edits: append([]Edit{has(of), unicast(of)}, e...)}
}

// rebind is the REQUEST that a client with an address broadcasts.
func rebind(of func(m *Memory) netip.Addr, e ...Edit) Step {
	return Step{Kind: typeRequest, Edits: append([]Edit{has(of), from(of)}, e...)}
}

// release gives a lease back.
func release(of func(m *Memory) netip.Addr, e ...Edit) Step {
	return Step{Kind: typeRelease, Edits: append([]Edit{has(of), unicast(of)}, e...)}
}

// decline says that an address is in use.
func decline(e ...Edit) Step { return Step{Kind: typeDecline, Edits: e} }

// want adds what shall come of a step.
func (s Step) want(c ...Check) Step {
	s.Want = append(s.Want, c...)
	return s
}

// silent says that nothing shall come of a step.
func (s Step) silent() Step { return s.want(silence()) }

// client gives a step to another client of the vector.
func (s Step) client(i int) Step {
	s.Client = i
	return s
}

// before makes a step one that only prepares.
func (s Step) before() Step {
	s.Before = true
	return s
}

// bound are the steps by which a client gets a lease; the edits hold for both messages.
func bound(e ...Edit) []Step {
	return []Step{discover(e...).want(offer()).before(), selecting(e...).want(ack(), yours(leased)).before()}
}

// then joins steps, to be read as a story.
func then(parts ...any) []Step {
	var all []Step
	for _, p := range parts {
		switch p := p.(type) {
		case Step:
			all = append(all, p)
		case []Step:
			all = append(all, p...)
		}
	}
	return all
}

// as gives steps to another client of the vector.
func as(i int, steps []Step) []Step {
	var all []Step
	for _, s := range steps {
		all = append(all, s.client(i))
	}
	return all
}
