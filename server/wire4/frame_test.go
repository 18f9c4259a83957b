package wire4

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"port67/server/dhcp4"
)

func TestCutFrame_LQ_008(t *testing.T) {
	one, two := bytes.Repeat([]byte{1}, headerLen), bytes.Repeat([]byte{2}, FrameMax)
	both := AppendFrame(AppendFrame(nil, one), two)
	for n := range len(both) {
		var got [][]byte
		rest := both[:n]
		for {
			message, after, err := CutFrame(rest)
			if err != nil {
				t.Fatalf("%d octets: %v", n, err)
			}
			if message == nil {
				break
			}
			got, rest = append(got, message), after
		}
		if want := n / (frameLen + headerLen); len(got) != min(want, 1) {
			t.Fatalf("%d octets: %d messages, want %d", n, len(got), min(want, 1))
		}
	}
	first, rest, _ := CutFrame(both)
	second, rest, _ := CutFrame(rest)
	if !bytes.Equal(first, one) || !bytes.Equal(second, two) || len(rest) != 0 {
		t.Errorf("%d, %d and %d octets; want two messages and nothing more", len(first), len(second), len(rest))
	}
	for _, n := range []int{0, headerLen - 1, FrameMax + 1, 65535} {
		if _, _, err := CutFrame(binary.BigEndian.AppendUint16(nil, uint16(n))); !errors.Is(err, ErrFrame) {
			t.Errorf("a message of %d octets: %v, want ErrFrame", n, err)
		}
	}
}

// What was cut, put together again, is what came; what was cut parses or is refused, and nothing panics.
func FuzzCutFrame(f *testing.F) {
	f.Add(AppendFrame(nil, bytes.Repeat([]byte{1}, headerLen)))
	f.Add([]byte{0, 0})
	f.Add([]byte{0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		rest := b
		var again []byte
		for {
			message, after, err := CutFrame(rest)
			if err != nil || message == nil {
				if !bytes.Equal(after, rest) {
					t.Fatal("nothing was cut, and the rest is another")
				}
				break
			}
			_, _ = Parse(message)
			again, rest = AppendFrame(again, message), after
		}
		if !bytes.Equal(append(again, rest...), b) {
			t.Fatal("the parts are not the whole")
		}
	})
}

// A question that the library wrote is read as it was meant, and the library reads the answer as it was meant.
func TestLeaseQuery_LibraryReadsTheSame(t *testing.T) {
	hw := []byte{2, 0x67, 0, 0, 0, 1}
	theirs, err := dhcpv4.New(dhcpv4.WithMessageType(dhcpv4.MessageType(dhcp4.LeaseQuery)), dhcpv4.WithHwAddr(hw),
		dhcpv4.WithGatewayIP([]byte{10, 67, 0, 1}), dhcpv4.WithRequestedOptions(
			dhcpv4.OptionIPAddressLeaseTime, dhcpv4.OptionClientLastTransactionTime, dhcpv4.OptionAssociatedIP),
		dhcpv4.WithOption(dhcpv4.OptGeneric(dhcpv4.OptionRelayAgentInformation, []byte("\x02\x05modem"))))
	if err != nil {
		t.Fatal(err)
	}
	q, err := Parse(theirs.ToBytes())
	list, _ := q.Options.Get(55)
	info, _ := q.Options.Get(82)
	if err != nil || q.Type != dhcp4.LeaseQuery || !q.Relayed() || !bytes.Equal(q.CHAddr[:q.HLen], hw) ||
		!bytes.Equal(list, []byte{51, 91, 92}) || string(info) != "\x02\x05modem" {
		t.Errorf("read as %+v, %v", q, err)
	}
	m := offer()
	m.Type, m.CIAddr = dhcp4.LeaseActive, m.YIAddr
	m.Options = []dhcp4.ReplyOption{
		{Code: 53, Data: []byte{byte(dhcp4.LeaseActive)}}, {Code: 61, Data: []byte("\x00two")},
		{Code: 91, Data: []byte{0, 0, 0, 9}}, {Code: 92, Data: []byte{10, 67, 0, 8, 10, 67, 0, 9}},
		{Code: 82, Data: []byte("\x02\x05modem")},
	}
	b, _ := Encode(m, nil)
	again, err := dhcpv4.FromBytes(b)
	if err != nil || uint8(again.MessageType()) != 13 || !again.ClientIPAddr.Equal(m.CIAddr.AsSlice()) ||
		len(again.Options) != len(m.Options) {
		t.Fatalf("the library reads %v, %v", again, err)
	}
	for _, o := range m.Options {
		if got := again.Options[o.Code]; !bytes.Equal(got, o.Data) {
			t.Errorf("option %d = % x, want % x", o.Code, got, o.Data)
		}
	}
}
