// Command bench measures how many DHCP exchanges a second a three-node cluster carries, beside a single Kea
// and a Kea hot-standby pair, all on this machine and one after the other. perfdhcp is the load: distinct
// clients, relayed, one whole DISCOVER-OFFER-REQUEST-ACK each.
//
// It needs root, and Debian's kea-admin (perfdhcp) and kea-dhcp4-server. Every run is bounded in time; nothing
// leaves the network namespaces that it makes.
//
// This package is a shell.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"port67/ops/lab"
)

// config serves a prefix that is wide enough for every client of every run to be a new one.
const config = `lease: {default: 1h, min: 10s, max: 24h}
limits: {discover-per-relay: off, discover-per-interface: off}
subnets:
  - prefix: 10.64.0.0/10
    pools:
      - range: 10.80.0.0-10.127.255.250
`

func main() {
	opts := options{}
	flag.DurationVar(&opts.period, "period", 5*time.Second, "how long one rate is held")
	flag.IntVar(&opts.first, "first", 500, "the first rate, in exchanges a second")
	flag.IntVar(&opts.last, "last", 40000, "no rate above this one")
	flag.IntVar(&opts.rounds, "rounds", 1, "how often every server is measured; medians are printed")
	flag.StringVar(&opts.only, "only", "", "measure only servers whose name contains this")
	flag.BoolVar(&opts.verbose, "v", false, "print every run")
	flag.Parse()
	if err := run(context.Background(), opts); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type options struct {
	period  time.Duration
	first   int
	last    int
	rounds  int
	only    string
	verbose bool
}

// subject is one server, or one group of servers, that is measured alone.
type subject struct {
	name   string
	commit string // what has happened to a lease when its ACK leaves
	start  func(ctx context.Context) (*bed, error)
}

// bed is a running subject with a client host beside it.
type bed struct {
	client *lab.Host
	target string // the address to which perfdhcp sends
	stop   func() error
}

func run(ctx context.Context, opts options) error {
	subjects := []subject{
		{"three nodes, load to one", "quorum, fsynced", startCluster(3)},
		{"one node", "fsynced", startCluster(1)},
		{"Kea single, memfile", "written, not fsynced", startKea},
		{"Kea hot-standby pair", "partner's memory", startKeaPair},
	}
	found := make([][]figures, len(subjects))
	for round := range opts.rounds {
		for i, s := range subjects {
			if !strings.Contains(s.name, opts.only) {
				continue
			}
			f, err := measure(ctx, s, opts)
			if err != nil {
				return fmt.Errorf("round %d, %s: %w", round+1, s.name, err)
			}
			found[i] = append(found[i], f)
		}
	}
	print(subjects, found)
	return nil
}

// measure starts a subject, finds its rates, and stops it.
func measure(ctx context.Context, s subject, opts options) (figures, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	b, err := s.start(ctx)
	if err != nil {
		return figures{}, err
	}
	f, err := ramp(ctx, s.name, b, opts)
	return f, errors.Join(err, b.stop())
}

func print(subjects []subject, found [][]figures) {
	t := table.NewWriter()
	t.SetOutputMirror(os.Stdout)
	t.SetStyle(table.StyleLight)
	t.AppendHeader(table.Row{"server", "clean /s", "peak /s", "OFFER mean", "ACK mean", "clean ÷ Kea single",
		"clean ÷ Kea pair", "a lease is, at its ACK"})
	single, pair := medianClean(found[2]), medianClean(found[3])
	for i, s := range subjects {
		if len(found[i]) == 0 {
			continue
		}
		f := median(found[i])
		t.AppendRow(table.Row{s.name, f.clean, f.peak, f.offer, f.ack, ratio(f.clean, single), ratio(f.clean, pair),
			s.commit})
	}
	t.Render()
	fmt.Println("clean: the highest rate at which at most 0.1 % of DISCOVERs and REQUESTs went unanswered within 1 s;")
	fmt.Println("peak: the most whole exchanges completed in a second, at any rate; means are those of the clean rate.")
}

func ratio(a, b int) string {
	if b == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", float64(a)/float64(b))
}

func medianClean(fs []figures) int { return median(fs).clean }

func median(fs []figures) figures {
	if len(fs) == 0 {
		return figures{}
	}
	fs = slices.Clone(fs)
	slices.SortFunc(fs, func(a, b figures) int { return a.clean - b.clean })
	return fs[len(fs)/2]
}
