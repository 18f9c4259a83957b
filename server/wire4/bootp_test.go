package wire4

import (
	"bytes"
	"testing"

	"port67/server/dhcp4"
)

// bootreply is a BOOTREPLY with more options than a vendor area of 64 octets holds.
func bootreply() dhcp4.Message {
	return dhcp4.Message{
		HType: 1, HLen: 6, Hops: 3, Secs: 7, MaxSize: 328, Options: []dhcp4.ReplyOption{
			{Code: 1, Data: []byte{255, 255, 255, 0}}, {Code: 3, Rank: 1, Data: []byte{10, 67, 0, 1}},
			{Code: 6, Rank: 2, Data: bytes.Repeat([]byte{10}, 40)}, {Code: 15, Rank: 3, Data: []byte("example.org")},
			{Code: 42, Rank: 1000, Data: bytes.Repeat([]byte{10}, 8)}, {Code: 43, Rank: 1000, Data: []byte{1, 0}},
		},
	}
}

// BP-006, BP-009, BP-015: the vendor area has 64 octets with cookie and End, what finds no room is left out, the
// least wanted first, and sname and file carry no options.
func TestEncode_BP_006_VendorArea(t *testing.T) {
	b, dropped := Encode(bootreply(), nil)
	if len(b) != 300 || !bytes.Equal(dropped, []byte{43, 42, 15}) {
		t.Errorf("%d octets, without %v; want 300 without 43, 42 and 15", len(b), dropped)
	}
	if !bytes.Equal(b[snameAt:vendAt], make([]byte, vendAt-snameAt)) {
		t.Error("BP-009: sname or file carry something")
	}
	end := bytes.LastIndexByte(b, optEnd)
	if end < vendAt || end >= vendAt+vendLen {
		t.Errorf("End at %d, want it in the vendor area", end-vendAt)
	}
	agent := bootreply()
	agent.Options = append(agent.Options, dhcp4.ReplyOption{Code: 82, Data: []byte{1, 1, 'a'}})
	if _, dropped := Encode(agent, nil); !bytes.Equal(dropped, []byte{43, 42, 15}) {
		t.Errorf("without %v beside option 82, want the same", dropped)
	}
	small := bootreply()
	small.Options = small.Options[:1]
	if b, _ := Encode(small, nil); len(b) != 300 {
		t.Errorf("BP-015: %d octets, want 300", len(b))
	}
}

// BP-007, BP-008: what stands in the vendor area instead of options goes there and back as it is.
func TestEncode_BP_007_VendorAreaAsItCame(t *testing.T) {
	for name, vend := range map[string][]byte{
		"nothing": nil, "CMU": []byte("CMU\x00\x00\x01"), "full": bytes.Repeat([]byte{7}, vendLen),
		"more than full": bytes.Repeat([]byte{7}, vendLen+20),
	} {
		in := append(request().cut(vendAt).b, vend...)
		q, err := Parse(in)
		if err != nil || q.Size != len(in) {
			t.Fatalf("%s: size %d, %v", name, q.Size, err)
		}
		b, _ := Encode(dhcp4.Message{Vend: q.Vend}, nil)
		want := append(bytes.Clone(vend[:min(len(vend), vendLen)]), make([]byte, vendLen)...)[:vendLen]
		if len(b) != 300 || !bytes.Equal(b[vendAt:], want) {
			t.Errorf("%s: %x, want %x", name, b[vendAt:], want)
		}
	}
}
