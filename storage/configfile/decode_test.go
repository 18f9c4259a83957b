package configfile

import (
	"testing"
)

// sample is the file of the documentation, without what this release refuses.
const sample = `
lease: {default: 1h, min: 5m, max: 24h}
t1: 50%
t2: 87.5%
booking: {factor: 2, grace: 120s + 1%, pause: 60s}
renewals: local
decline: {quarantine: 24h}
probe: {icmp: off, arp: off, timeout: 200ms}
authoritative: true
options:
  domain-name-servers: [10.67.0.53, 10.67.0.54]
  domain-name: example.org
  242: hex:0a0b0c
option-definitions:
  - {name: acme-server, code: 224, type: [ipv4-address]}
shared-networks:
  - name: floor-3
    subnets: [10.67.0.0/16, 10.68.0.0/22]
subnets:
  - prefix: 10.67.0.0/16
    relays: [10.67.0.1]
    service-address: 10.67.0.67
    pools:
      - range: 10.67.1.0-10.67.255.250
        classes: [known]
    options: {routers: [10.67.0.1], acme-server: 10.67.0.8}
    next-server: 10.67.0.9
    early-reuse: off
    allocation: spread
    reservations:
      - hardware: 02:67:00:00:00:01
        address: 10.67.0.100
        hostname: printer
        options: {log-servers: [10.67.0.9]}
  - prefix: 10.68.0.0/22
    pools: [10.68.0.10-10.68.0.12]
`

func TestDecode_Sample(t *testing.T) {
	c, problems := Decode("dhcp.yaml", []byte(sample))
	for _, p := range problems {
		t.Error(p)
	}
	if c == nil {
		t.Fatal("no configuration")
	}
	b, err := Encode(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", b)
	j, _ := c.Marshal()
	t.Logf("%s", j)
}
