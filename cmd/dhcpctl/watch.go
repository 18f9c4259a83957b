package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"

	adminv1 "port67/proto/admin/v1"
)

// leaseWatch shows changes as they happen.
func (t *tool) leaseWatch() *cobra.Command {
	req := &adminv1.WatchLeasesRequest{}
	var changes int
	c := &cobra.Command{
		Use:   "watch",
		Short: "Show changes of leases as they happen",
		Long: `Show changes of leases as they happen, a line for each, until Ctrl-C. -o json writes
one object a line. A change is added, changed or removed. What the answering node
has not heard is not shown: with --server, several nodes can be watched one by one.`,
		Example: "  dhcpctl lease watch --subnet 10.67.0.0/16\n  dhcpctl lease watch -o json | jq .lease.address",
		Args:    exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			if changes < 0 {
				return usagef(c, "--changes %d: not below 0", changes)
			}
			ctx := c.Context()
			if ctx == nil {
				ctx = context.Background()
			}
			ctx, stop := signal.NotifyContext(ctx, os.Interrupt, unix.SIGTERM)
			defer stop()
			client, err := t.leases(c)
			if err != nil {
				return err
			}
			stream, err := client.WatchLeases(ctx, req)
			if err == nil {
				err = t.watch(stream, changes)
			}
			if ctx.Err() != nil || errors.Is(err, io.EOF) {
				return nil
			}
			return err
		},
	}
	c.Flags().StringVar(&req.Subnet, "subnet", "", "only addresses in this prefix")
	c.Flags().StringVar(&req.Search, "search", "", "only leases with this text in them")
	c.Flags().IntVar(&changes, "changes", 0, "end after so many changes (default never)")
	return c
}

// watch prints what comes until it has printed so many changes, or for ever if that is 0.
func (t *tool) watch(stream grpc.ServerStreamingClient[adminv1.WatchLeasesResponse], changes int) error {
	// A server that does not watch has no headers to send; the first Recv says why.
	if md, err := stream.Header(); err == nil && md != nil && t.format != "json" && t.format != "yaml" {
		if err := t.watchLine("TIME", "CHANGE", "ADDRESS", "STATE", "HARDWARE", "UNTIL", "HOSTNAME"); err != nil {
			return err
		}
	}
	for n := 0; changes == 0 || n < changes; n++ {
		resp, err := stream.Recv()
		if err != nil {
			return err
		}
		if err := t.showChange(resp); err != nil {
			return err
		}
	}
	return nil
}

// showChange prints one change.
func (t *tool) showChange(resp *adminv1.WatchLeasesResponse) error {
	switch t.format {
	case "json":
		var whole, line bytes.Buffer
		if err := writeJSON(&whole, fieldsOf(resp.ProtoReflect())); err != nil {
			return err
		}
		if err := json.Compact(&line, whole.Bytes()); err != nil {
			return err
		}
		_, err := fmt.Fprintln(t.out, line.String())
		return err
	case "yaml":
		if _, err := fmt.Fprintln(t.out, "---"); err != nil {
			return err
		}
		return writeYAML(t.out, fieldsOf(resp.ProtoReflect()))
	}
	l := resp.GetLease()
	state := none
	if l.GetStatus() != adminv1.LeaseStatus_LEASE_STATUS_UNSPECIFIED {
		state = enumWord(l.GetStatus(), "LEASE_STATUS_")
	}
	return t.watchLine(time.Now().Format(time.TimeOnly), enumWord(resp.GetChange(), "LEASE_CHANGE_"),
		l.GetAddress(), state, orNone(l.GetHardwareAddress()), leaseUntil(l), orNone(l.GetHostname()))
}

// watchLine prints a line of columns whose widths are known before what comes.
func (t *tool) watchLine(at, change, address, state, hardware, until, hostname string) error {
	_, err := fmt.Fprintf(t.out, "%-8s  %-7s  %-15s  %-8s  %-17s  %-19s  %s\n", at, change, address, state,
		hardware, until, hostname)
	return err
}
