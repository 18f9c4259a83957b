package config

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestMarshal_RoundTrip(t *testing.T) {
	for name, c := range map[string]*Config{
		"empty":   {},
		"office":  office(t),
		"layered": layered(t),
		"rest": {
			Booking: Booking{150, 60, 15, 30}, Renewals: RenewalsCommitted, Decline: Decline{60}, KnownServers: []netip.Addr{addr("10.0.0.5")},
			OptionDefinitions: []OptionDefinition{{Name: "acme", Code: 224, Type: []string{"uint8", "text"}}},
			Settings: Settings{
				T1: ptr(Permille(400)), T2: ptr(Permille(800)), EchoClientID: ptr(false), AlwaysBroadcast: ptr(true),
				NextServer: addr("10.0.0.9"), Probe: Probe{ICMP: ptr(true), ARP: ptr(false), TimeoutMillis: 100}, ServerName: "s", BootFile: "b", AlwaysSend: []uint8{3}, NeverSend: []uint8{4},
			},
			Subnets: []Subnet{{
				Prefix: prefix("10.0.0.0/8"), Relays: []netip.Addr{addr("10.0.0.1")}, EarlyReuse: true, Allocation: AllocationLowest,
			}},
		},
	} {
		b, err := c.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		got, err := Unmarshal(b)
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, b)
			continue
		}
		if d := cmp.Diff(c, got, cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})); d != "" {
			t.Errorf("%s: -want +got\n%s", name, d)
		}
		if again, err := got.Marshal(); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%s: marshals differently the second time\n%s\n%s", name, b, again)
		}
	}
}

func TestUnmarshal_Refuses(t *testing.T) {
	for _, tt := range []struct{ src, want string }{
		{"", "EOF"},
		{"[]", "cannot unmarshal"},
		{`{"leese":{}}`, `unknown field "leese"`},
		{`{"subnets":[{"prefix":"10.0.0.0/8","color":"red"}]}`, `unknown field "color"`},
		{`{} {}`, "text after its end"},
		{`{}x`, "text after its end"},
		{`{"t1":1001.5}`, "cannot unmarshal"},
	} {
		if c, err := Unmarshal([]byte(tt.src)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, %v; want an error with %q", tt.src, c, err, tt.want)
		}
	}
}
