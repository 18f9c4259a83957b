package main

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "port67/proto/admin/v1"
)

// historyLimit is how many events are shown unless the user wants more.
const historyLimit = 100

// leaseHistory shows what happened to leases.
func (t *tool) leaseHistory() *cobra.Command {
	var at, since string
	var limit int
	c := &cobra.Command{
		Use:   "history ADDRESS|CLIENT",
		Short: "Show what happened to the leases of an address or a client",
		Long: `Show what happened to the leases of an address, or of a client, newest first; with
--at who had the address, or which addresses the client had, at that time.

CLIENT is a hardware address, or a client as lists show it: hw:TYPE:… or id:HEX.
TIME is 2026-11-24 14:02, a time of today as in 14:02, or a span ago as in 90m or 2h;
without a zone, as in 2026-11-24T14:02:00Z, it is local.

The answering node looks into its own journal, which needs no quorum. The journal
is bounded and drops its oldest part; the answer says when it begins, and where it
has gaps. Other nodes have journals of their own: ask one with --server.

A renewal inside a booking is answered without the log, and that a booking ended is
no event. So UNTIL is the last moment at which the client can have held the address;
it may have been gone long before. A time marked ~ was reckoned, since the node
learned of the event later.`,
		Example: `  dhcpctl lease history 10.67.1.5
  dhcpctl lease history 10.67.1.5 --at '2026-11-24 14:02'
  dhcpctl lease history 02:67:00:00:00:05 --since 24h
  dhcpctl lease history id:01026700000005 -o json | jq '.events[].address'`,
		Args: exactly("ADDRESS or CLIENT"),
		RunE: func(c *cobra.Command, args []string) error {
			req := &adminv1.ListLeaseHistoryRequest{Client: args[0]}
			if _, err := netip.ParseAddr(args[0]); err == nil {
				req.Address, req.Client = args[0], ""
			}
			if limit < 0 {
				return usagef(c, "--limit %d: not below 0", limit)
			}
			if c.Flags().Changed("at") {
				return t.holdings(c, req, at, since)
			}
			var err error
			if since != "" {
				if req.Since, err = parseTime(c, "since", since, time.Now()); err != nil {
					return err
				}
			}
			all, err := t.allHistory(c, req, limit)
			if err != nil {
				return err
			}
			return t.show(all, func(wide bool) error { return t.historyTable(all, wide) })
		},
	}
	c.Flags().StringVar(&at, "at", "", "who had what at this TIME")
	c.Flags().StringVar(&since, "since", "", "only what happened after this TIME")
	c.Flags().IntVar(&limit, "limit", historyLimit, "at most so many events, 0 for all")
	return c
}

// parseTime reads a time as people write it.
func parseTime(c *cobra.Command, flag, text string, now time.Time) (*timestamppb.Timestamp, error) {
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return timestamppb.New(now.Add(-ago)), nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return timestamppb.New(at), nil
	}
	for _, layout := range []string{time.DateTime, "2006-01-02 15:04", "2006-01-02T15:04:05", time.DateOnly} {
		if at, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return timestamppb.New(at), nil
		}
	}
	for _, layout := range []string{"15:04:05", "15:04"} {
		if at, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			y, m, d := now.Date()
			return timestamppb.New(time.Date(y, m, d, at.Hour(), at.Minute(), at.Second(), 0, time.Local)), nil
		}
	}
	return nil, usagef(c, "--%s %s: a time is needed, as in '2026-11-24 14:02', 14:02, or 2h for two hours ago",
		flag, text)
}

// allHistory follows the pages; limit 0 means to the end.
func (t *tool) allHistory(c *cobra.Command, req *adminv1.ListLeaseHistoryRequest, limit int,
) (*adminv1.ListLeaseHistoryResponse, error) {
	var all *adminv1.ListLeaseHistoryResponse
	for {
		req.PageSize = leasePage
		if limit > 0 {
			req.PageSize = int32(min(leasePage, limit-len(all.GetEvents())))
		}
		page, err := t.askHistory(c, req)
		if err != nil {
			return nil, err
		}
		if all != nil {
			page.Events = append(all.GetEvents(), page.GetEvents()...)
			page.Gaps = append(all.GetGaps(), page.GetGaps()...)
		}
		all = page
		if page.GetNextPageToken() == "" || limit > 0 && len(page.GetEvents()) >= limit {
			return all, nil
		}
		req.PageToken = page.GetNextPageToken()
	}
}

func (t *tool) askHistory(c *cobra.Command, req *adminv1.ListLeaseHistoryRequest,
) (*adminv1.ListLeaseHistoryResponse, error) {
	return call(t, c, waitLong, adminv1.NewLeaseServiceClient, adminv1.LeaseServiceClient.ListLeaseHistory, req)
}

// historyTable prints events for people, and where the journal knows nothing among them.
func (t *tool) historyTable(all *adminv1.ListLeaseHistoryResponse, wide bool) error {
	if len(all.GetEvents()) > 0 {
		table := columns{names: []string{
			"TIME", "EVENT", "ADDRESS", "CLIENT", "HOSTNAME", "UNTIL", "+HARDWARE", "+LEASE", "+SINCE", "+CIRCUIT",
			"+REMOTE", "+AUTHOR", "+INDEX",
		}}
		for _, e := range all.GetEvents() {
			told := none
			if e.GetLeaseTime() != nil {
				told = span(e.GetLeaseTime())
			}
			table.add(eventTime(e), enumWord(e.GetKind(), "LEASE_EVENT_KIND_"), e.GetAddress(), e.GetClient(),
				orNone(e.GetHostname()), eventUntil(e), orNone(e.GetHardwareAddress()), told,
				orNone(clock(e.GetStartTime())), orNone(e.GetCircuitId()), orNone(e.GetRemoteId()),
				orNone(e.GetAuthor()), e.GetLogIndex())
		}
		if err := table.print(t.out, wide); err != nil {
			return err
		}
	}
	if all.GetNextPageToken() != "" {
		fmt.Fprintln(t.err, "there are older ones: raise --limit")
	}
	if len(all.GetEvents()) == 0 {
		fmt.Fprintln(t.err, "nothing is known of it")
	}
	t.journalNotes(all)
	return nil
}

// eventTime is when something happened, marked if that was reckoned.
func eventTime(e *adminv1.LeaseEvent) string {
	if e.GetTimeReckoned() {
		return clock(e.GetTime()) + " ~"
	}
	return clock(e.GetTime())
}

// eventUntil is the end of the booking after an event, where the event left the address to the client.
func eventUntil(e *adminv1.LeaseEvent) string {
	switch e.GetKind() {
	case adminv1.LeaseEventKind_LEASE_EVENT_KIND_BOUND, adminv1.LeaseEventKind_LEASE_EVENT_KIND_RENEWED:
		if e.GetPermanent() {
			return "for ever"
		}
		return orNone(clock(e.GetBookedTime()))
	}
	return none
}

// journalNotes says whose journal this was, from when on it knows anything, and what it misses.
func (t *tool) journalNotes(all *adminv1.ListLeaseHistoryResponse) {
	node := nameOr(all.GetNodeName(), all.GetNodeId())
	if all.GetBeginTime() == nil {
		fmt.Fprintf(t.err, "the journal of node %s is empty\n", node)
		return
	}
	fmt.Fprintf(t.err, "from the journal of node %s, which begins %s\n", node, clock(all.GetBeginTime()))
	for _, g := range all.GetGaps() {
		why := map[adminv1.HistoryGapReason]string{
			adminv1.HistoryGapReason_HISTORY_GAP_REASON_SNAPSHOT: "it was brought up by a snapshot",
			adminv1.HistoryGapReason_HISTORY_GAP_REASON_DISK:     "its disk did not take it",
			adminv1.HistoryGapReason_HISTORY_GAP_REASON_DAMAGE:   "what was written cannot be read",
		}[g.GetReason()]
		from, to := "before", ""
		if g.GetBeginTime() != nil {
			from = "from " + clock(g.GetBeginTime()) + " to"
		}
		if to = clock(g.GetEndTime()); to == "" {
			to = "an unknown time"
		}
		fmt.Fprintf(t.err, "nothing is known there %s %s: %s; ask another node\n", from, to, why)
	}
}

// holdings answers who had what at a time.
func (t *tool) holdings(c *cobra.Command, req *adminv1.ListLeaseHistoryRequest, at, since string) error {
	if since != "" {
		return usagef(c, "--at and --since: one of them")
	}
	var err error
	if req.At, err = parseTime(c, "at", at, time.Now()); err != nil {
		return err
	}
	resp, err := t.askHistory(c, req)
	if err != nil {
		return err
	}
	return t.show(resp, func(bool) error {
		subject := req.GetAddress() + req.GetClient()
		fmt.Fprintf(t.out, "%s at %s:\n", subject, clock(req.GetAt()))
		var held, past []string
		for _, h := range resp.GetHoldings() {
			line := "  " + holdingLine(h, req.GetAddress() != "")
			if h.GetHeld() {
				held = append(held, line)
			} else {
				past = append(past, line)
			}
		}
		if len(held) == 0 {
			nobody := "  nobody had it, as far as the journal goes"
			if req.GetClient() != "" {
				nobody = "  had no address, as far as the journal goes"
			}
			held = append(held, nobody)
		}
		_, err := fmt.Fprintln(t.out, strings.Join(append(held, past...), "\n"))
		t.journalNotes(resp)
		return err
	})
}

// holdingLine says who had an address, or had had it, in one line.
func holdingLine(h *adminv1.LeaseHolding, ofAddress bool) string {
	e := h.GetEvent()
	who := e.GetAddress()
	if ofAddress {
		who = e.GetClient()
		if e.GetHostname() != "" {
			who = e.GetHostname() + " (" + who + ")"
		}
	}
	doubt := ""
	if h.GetUncertain() {
		doubt = "; uncertain, the journal has a gap after that"
	}
	last := enumWord(e.GetKind(), "LEASE_EVENT_KIND_") + " " + eventTime(e)
	switch {
	case h.GetHeld() && e.GetPermanent():
		return fmt.Sprintf("%s, since %s, for ever%s", who, clock(e.GetStartTime()), doubt)
	case h.GetHeld():
		return fmt.Sprintf("%s, since %s, until %s at most%s", who, clock(e.GetStartTime()),
			clock(h.GetUntilTime()), doubt)
	case h.GetUntilTime() != nil:
		return fmt.Sprintf("not any more: %s, until %s at most (last: %s)%s", who, clock(h.GetUntilTime()), last,
			doubt)
	}
	return fmt.Sprintf("not: %s (last: %s)%s", who, last, doubt)
}
