package admintest

import (
	"fmt"
	"net/netip"

	"port67/storage"
	"port67/storage/config"
	"port67/storage/configfile"
	"port67/storage/lease"
)

// Source is the text of the sample configuration: pools of 100 and 10 addresses, and a reservation outside.
const Source = `# The sample network.
lease: {default: 1h, min: 5m, max: 24h}
options:
  domain-name: example.org
subnets:
  - prefix: 10.67.0.0/16
    pools:
      - range: 10.67.1.0-10.67.1.99
    options: {routers: [10.67.0.1]}
    reservations:
      - hardware: 02:67:00:00:00:01
        address: 10.67.0.100
        hostname: printer
        options: {log-servers: [10.67.0.9]}
  - prefix: 10.68.0.0/24
    pools:
      - range: 10.68.0.10-10.68.0.19
`

// Parse reads a configuration text.
func Parse(source string) (*config.Config, error) {
	conf, problems := configfile.Decode("dhcp.yaml", []byte(source))
	if len(problems) > 0 {
		return nil, fmt.Errorf("configuration: %v", problems)
	}
	return conf, nil
}

// Client returns client number n, whose hardware address ends in n.
func Client(n uint8, hostname string) storage.Client {
	hw := []byte{0x02, 0x67, 0, 0, 0, n}
	return storage.Client{Key: lease.HardwareKey(1, hw), HType: 1, CHAddr: string(hw), Hostname: hostname}
}

// Sample returns a cluster with the sample configuration and leases:
//
//	10.67.1.5   bound     client 5, laptop
//	10.67.1.6   released  client 6, phone
//	10.67.1.7   declined  client 7
//	10.68.0.11  bound     client 8, camera, behind a relay: circuit ge-0/0/1, remote 0a0b
func Sample() (*Cluster, error) {
	c := New()
	conf, err := Parse(Source)
	if err != nil {
		return nil, err
	}
	if r := c.Configure(conf, Source); r.Refusal != storage.Granted {
		return nil, fmt.Errorf("sample configuration: refused: %d %s", r.Refusal, r.Detail)
	}
	camera := Client(8, "camera")
	camera.RelayInfo = "\x01\x08ge-0/0/1\x02\x02\x0a\x0b"
	commands := []storage.Command{
		Bind(Client(5, "laptop"), "10.67.0.0/16", "10.67.1.5"),
		Bind(Client(6, "phone"), "10.67.0.0/16", "10.67.1.6"),
		Bind(Client(7, ""), "10.67.0.0/16", "10.67.1.7"),
		Bind(camera, "10.68.0.0/24", "10.68.0.11"),
		storage.Release{Addr: netip.MustParseAddr("10.67.1.6"), Key: Client(6, "").Key},
		storage.Decline{Addr: netip.MustParseAddr("10.67.1.7"), Key: Client(7, "").Key},
	}
	for i, r := range c.Apply(commands...) {
		if r.Refusal != storage.Granted {
			return nil, fmt.Errorf("sample lease %d: refused: %d %s", i, r.Refusal, r.Detail)
		}
	}
	return c, nil
}

// Bind is the command that books an address for a client.
func Bind(c storage.Client, link, addr string) storage.Command {
	return storage.Bind{Client: c, Link: link, Addr: netip.MustParseAddr(addr), Mode: storage.Selecting}
}
