package option

import (
	"strings"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/rfc1035label"
)

// Another implementation reads our compressed names (RFC 3397) and classless routes (RFC 3442) as they were
// meant.
func TestEncode_LibraryReadsTheSame(t *testing.T) {
	d := NewDefinitions(nil, nil)
	names := []any{"eng.example.org", "lab.example.org", "example.org", "org", "a.lab.example.org", "eng.example.org"}
	data, _, err := d.Encode(d.ByCode(119), names)
	if err != nil {
		t.Fatal(err)
	}
	labels, err := rfc1035label.FromBytes(data)
	if err != nil {
		t.Fatalf("%x: %v", data, err)
	}
	if got, want := strings.Join(labels.Labels, ", "), Words(names); got != want {
		t.Errorf("%x is read as %s, want %s", data, got, want)
	}
	data, _, err = d.Encode(d.ByCode(121), []any{"0.0.0.0/0 via 10.67.0.1", "10.9.128.0/17 via 10.67.0.2"})
	if err != nil {
		t.Fatal(err)
	}
	var routes dhcpv4.Routes
	if err := routes.FromBytes(data); err != nil || len(routes) != 2 || routes[1].Dest.String() != "10.9.128.0/17" ||
		routes[1].Router.String() != "10.67.0.2" || routes[0].Dest.String() != "0.0.0.0/0" {
		t.Errorf("%x is read as %v, %v", data, routes, err)
	}
	data, _, err = d.Encode(d.ByCode(124), []any{
		Mapping{{"enterprise", 9}, {"class", "phone"}}, Mapping{{"enterprise", 32473}, {"class", "hex:00ff"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var classes dhcpv4.VIVCIdentifiers
	if err := classes.FromBytes(data); err != nil || len(classes) != 2 || classes[0].EntID != 9 ||
		string(classes[0].Data) != "phone" || classes[1].EntID != 32473 {
		t.Errorf("%x is read as %v, %v", data, classes, err)
	}
}
