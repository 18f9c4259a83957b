package wire4

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/insomniacslk/dhcp/dhcpv4"

	"port67/server/dhcp4"
)

// query is a dhcp4.Query that can be compared.
type query struct {
	Header  dhcp4.Query // without options and names
	SName   string
	File    string
	Options []dhcp4.Option
}

func flat(q dhcp4.Query) query {
	f := query{SName: string(q.SName), File: string(q.File)}
	for _, o := range q.Options.All() {
		f.Options = append(f.Options, dhcp4.Option{Code: o.Code, Data: append([]byte{}, o.Data...)})
	}
	q.SName, q.File, q.Options, q.Broken = nil, nil, dhcp4.Options{}, 0
	f.Header = q
	return f
}

// Equal makes query comparable by go-cmp although dhcp4.Options has fields of its own.
func (a query) Equal(b query) bool {
	ha, hb := a.Header, b.Header
	return ha.HType == hb.HType && ha.HLen == hb.HLen && ha.Hops == hb.Hops && ha.XID == hb.XID &&
		ha.Secs == hb.Secs && ha.Flags == hb.Flags && ha.CIAddr == hb.CIAddr && ha.YIAddr == hb.YIAddr &&
		ha.SIAddr == hb.SIAddr && ha.GIAddr == hb.GIAddr && ha.CHAddr == hb.CHAddr &&
		ha.Cookie == hb.Cookie && ha.Type == hb.Type &&
		bytes.Equal(ha.Vend, hb.Vend) && a.SName == b.SName && a.File == b.File && cmp.Equal(a.Options, b.Options)
}

// mirror is the reply that has the content of q.
func mirror(q dhcp4.Query) dhcp4.Message {
	m := dhcp4.Message{
		Type: q.Type, HType: q.HType, HLen: q.HLen, Hops: q.Hops, XID: q.XID, Secs: q.Secs, Flags: q.Flags,
		CIAddr: q.CIAddr, YIAddr: q.YIAddr, SIAddr: q.SIAddr, GIAddr: q.GIAddr, CHAddr: q.CHAddr,
		SName: string(q.SName), File: string(q.File), MaxSize: 65535, Vend: q.Vend,
	}
	for _, o := range q.Options.All() {
		m.Options = append(m.Options, dhcp4.ReplyOption{Code: o.Code, Data: o.Data})
	}
	return m
}

// seeds are the malformed and unusual messages of the rows V4-003 … V4-019.
func seeds() [][]byte {
	return [][]byte{
		nil,
		request().cut(235).b,
		request().cut(236).b,
		request(53, 1, 1, 255).b,
		request(53, 1, 1, 255).set(opAt, 2).b,
		request(53, 1, 1, 255).set(hLenAt, 17).b,
		request(53, 1, 1, 255).set(hLenAt, 0).b,
		request(12, 1, 'a', 255).b,
		request(53, 1, 1).set(vendAt, 'C', 'M', 'U', 0).b,
		request(53, 1, 1, 52, 1, 3, 255).set(fileAt, 43, 1, '2', 255).set(snameAt, 43, 1, '3', 255).b,
		request(43, 1, 'a', 53, 1, 1, 43, 1, 'b').b,
		request(0, 0, 53, 1, 1, 0, 255, 1, 2, 3).b,
		request(53, 1, 1, 12, 5, 'a').b,
		request(53, 1, 1, 50, 3, 1, 2, 3, 231, 0, 255).b,
		request(53, 2, 1, 1).b,
		request(53, 1, 1, 82, 4, 1, 2, 'a', 'b', 255).b,
		request(cat([]byte{53, 1, 1, 43, 255}, bytes.Repeat([]byte{7}, 255), []byte{43, 2, 1, 2})...).b,
	}
}

func FuzzParse(f *testing.F) {
	for _, b := range seeds() {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		Peek(b)
		before := bytes.Clone(b)
		q, err := Parse(b)
		if !bytes.Equal(before, b) {
			t.Fatal("Parse changed its input")
		}
		if err != nil {
			return
		}
		checkRoundTrip(t, q)
		checkOracle(t, b, q)
	})
}

// checkRoundTrip fails if Parse(Encode(q)) is not q, but for what Encode must change: names that leave no
// room for a NUL, and the place of relay agent information.
func checkRoundTrip(t *testing.T, q dhcp4.Query) {
	t.Helper()
	if q.Cookie && len(q.Options.All()) == 0 {
		return // Encode sends no cookie without options.
	}
	q.SName = q.SName[:min(len(q.SName), snameLen-1)]
	q.File = q.File[:min(len(q.File), fileLen-1)]
	rai, ok := q.Options.Get(optRelayAgentInfo)
	if q.Options.Remove(optRelayAgentInfo); ok {
		q.Options.Append(optRelayAgentInfo, rai)
	}
	m := mirror(q)
	b, dropped := Encode(m, nil)
	if len(dropped) > 0 {
		t.Fatalf("dropped %v although all is to be kept", dropped)
	}
	b[opAt] = bootRequest
	again, err := Parse(b)
	if err != nil {
		t.Fatalf("Parse(Encode(q)): %v", err)
	}
	if want, got := flat(q), flat(again); !want.Equal(got) || again.Broken != 0 {
		t.Fatalf("Parse(Encode(q)) = %+v (broken %d)\nwant %+v", got, again.Broken, want)
	}
}

// checkOracle fails if the library dhcpv4 takes b and reads other options in it than we did. The library
// knows no overloading and demands an End option; such messages it cannot judge.
func checkOracle(t *testing.T, b []byte, q dhcp4.Query) {
	t.Helper()
	theirs, err := dhcpv4.FromBytes(b)
	if err != nil || theirs.Options.Has(dhcpv4.OptionOptionOverload) || q.Broken > 0 {
		return
	}
	ours := optionsOf(q)
	if len(ours) != len(theirs.Options) {
		t.Fatalf("options: ours %v, theirs %v", ours, theirs.Options)
	}
	for code, data := range theirs.Options {
		if got, ok := ours[code]; !ok || got != string(data) {
			t.Fatalf("option %d: ours %x, theirs %x", code, got, data)
		}
	}
	xid := theirs.TransactionID
	if !bytes.Equal(xid[:], []byte{byte(q.XID >> 24), byte(q.XID >> 16), byte(q.XID >> 8), byte(q.XID)}) ||
		theirs.NumSeconds != q.Secs || theirs.Flags != q.Flags || uint8(theirs.HWType) != q.HType ||
		!theirs.GatewayIPAddr.Equal(q.GIAddr.AsSlice()) || !theirs.ClientIPAddr.Equal(q.CIAddr.AsSlice()) {
		t.Fatalf("header: ours %+v, theirs %v", flat(q).Header, theirs.Summary())
	}
}
