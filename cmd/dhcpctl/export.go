package main

import (
	"fmt"
	"math"
	"net/netip"
	"os"

	"github.com/spf13/cobra"

	"port67/ops/importer/kea"
	adminv1 "port67/proto/admin/v1"
	"port67/server/classify"
	"port67/storage/config"
	"port67/storage/configfile"
	"port67/storage/lease"
)

// exportNoun hands over to other servers.
func (t *tool) exportNoun() *cobra.Command {
	return noun("export", "Hand over to another DHCP server",
		"Hand over what this cluster knows to another DHCP server.",
		noun("kea", "Hand over to Kea (DHCPv4)", "Hand over to Kea (DHCPv4).", t.exportKeaLeases()))
}

// exportKeaLeases writes leases as a memfile.
func (t *tool) exportKeaLeases() *cobra.Command {
	var out, ids string
	c := &cobra.Command{
		Use:   "leases",
		Short: "Write the leases as a memfile",
		Long: `Write the leases as the CSV file that Kea's memfile reads: bound and released ones
with the end of their booking, declined ones with that of their quarantine. Offers
and leases that have ended are left out.

Kea knows subnets by number: --ids names the Kea configuration that has them.
Without it they are numbered by ascending prefix, and Kea needs sanity-checks with
lease-checks: fix.`,
		Example: `  dhcpctl export kea leases --ids kea-dhcp4.conf --out kea-leases4.csv
  dhcpctl export kea leases > kea-leases4.csv`,
		Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			numbers, err := t.subnetIDs(c, ids)
			if err != nil {
				return err
			}
			all, err := t.allLeases(c, &adminv1.ListLeasesRequest{Stale: t.stale}, 0)
			if err != nil {
				return err
			}
			return t.writeExport(out, all.GetLeases(), numbers)
		},
	}
	c.Flags().StringVar(&out, "out", "", "write to this file, which must not be there yet")
	c.Flags().StringVar(&ids, "ids", "", "Kea's configuration, for the numbers of the subnets")
	return t.reads(c)
}

// subnetIDs returns Kea's numbers of the subnets: those of a Kea configuration, or 1, 2, 3 … by ascending
// prefix.
func (t *tool) subnetIDs(c *cobra.Command, file string) (map[string]uint32, error) {
	out := make(map[string]uint32)
	if file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		in, err := kea.Import(file, b, openBeside, classify.Check)
		if err != nil {
			return nil, err
		}
		for p, id := range in.SubnetIDs {
			out[p.String()] = id
		}
		return out, nil
	}
	r, err := t.getRevision(c, 0)
	if err != nil {
		return nil, err
	}
	conf, problems := configfile.Decode("the configuration in force", []byte(r.GetSource()))
	if conf == nil {
		return nil, fmt.Errorf("%s: the node is newer than this dhcpctl; use the one that came with it",
			problems[0])
	}
	compiled, _ := config.Compile(conf) // Decode has validated it.
	for i, s := range compiled.Subnets() {
		out[s.Prefix.String()] = uint32(i) + 1
	}
	return out, nil
}

// writeExport writes leases to a file, or to standard output.
func (t *tool) writeExport(name string, leases []*adminv1.Lease, ids map[string]uint32) error {
	w := t.out
	if name != "" {
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return fmt.Errorf("%w: remove it or name another file", err)
		}
		defer f.Close() // The error that counts is that of Flush.
		w = f
	}
	out := kea.NewLeaseWriter(w)
	var written, left uint64
	for _, l := range leases {
		k, ok := keaLease(l, ids)
		if !ok {
			left++
			continue
		}
		out.Write(k)
		written++
	}
	if err := out.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(t.err, "%s written, %d left out: offers, what has ended, and what is in no numbered subnet\n",
		count(written, "lease"), left)
	return nil
}

// keaLease returns a lease as Kea has it; false for one that Kea has no use for. The lifetime runs from the
// client's last word to the end of the booking, so that Kea keeps the address for as long as it was
// promised.
func keaLease(l *adminv1.Lease, ids map[string]uint32) (*kea.Lease, bool) {
	a, err := netip.ParseAddr(l.GetAddress())
	id, numbered := ids[l.GetSubnet()]
	if err != nil || !numbered {
		return nil, false
	}
	out := &kea.Lease{
		Addr: a, SubnetID: id, Hostname: l.GetHostname(), RelayInfo: l.GetRelayAgentInfo(),
		Expire: l.GetBookedTime().GetSeconds(),
	}
	switch l.GetStatus() {
	case adminv1.LeaseStatus_LEASE_STATUS_BOUND, adminv1.LeaseStatus_LEASE_STATUS_RELEASED:
	case adminv1.LeaseStatus_LEASE_STATUS_DECLINED:
		out.Declined, out.Expire = true, l.GetReusableTime().GetSeconds()
	default:
		return nil, false
	}
	if !out.Declined {
		out.CHAddr, _ = configfile.ParseHardware(l.GetHardwareAddress()) // None is none.
		key, err := lease.ParseKey(l.GetClient())
		if err != nil {
			return nil, false
		}
		if _, hw, ok := key.Hardware(); ok {
			out.CHAddr = hw
		} else {
			out.ClientID = key.Identifier()
		}
	}
	heard := l.GetLastTime().GetSeconds()
	if l.GetPermanent() {
		out.Lifetime, out.Expire = math.MaxUint32, heard+math.MaxUint32
		return out, true
	}
	out.Lifetime = uint32(min(max(out.Expire-heard, 1), math.MaxUint32-1))
	return out, true
}
