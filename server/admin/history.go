package admin

import (
	"context"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "port67/proto/admin/v1"
	"port67/storage"
	"port67/storage/config"
	"port67/storage/history"
	"port67/storage/lease"
)

// holdingsMax is for how many addresses of one client a question about one moment is answered.
const holdingsMax = 5000

// ethernet is the hardware type of Ethernet (RFC 1700, ARP parameters).
const ethernet = 1

// ListLeaseHistory answers from this node's journal.
func (s *leases) ListLeaseHistory(ctx context.Context, req *adminv1.ListLeaseHistoryRequest,
) (*adminv1.ListLeaseHistoryResponse, error) {
	q, err := historyQuery(req)
	if err != nil {
		return nil, err
	}
	page, err := s.cluster.History(ctx, q)
	if err != nil {
		return nil, err
	}
	resp := &adminv1.ListLeaseHistoryResponse{
		BeginTime: timeOf(page.Begin), NodeId: string(s.cluster.Self()), NodeName: s.selfName(),
	}
	for _, g := range page.Gaps {
		resp.Gaps = append(resp.Gaps, &adminv1.HistoryGap{
			BeginTime: timeOf(g.Begin), EndTime: timeOf(g.End), Reason: adminv1.HistoryGapReason(g.Reason),
			LostEntries: g.LostWritings,
		})
	}
	if req.GetAt() != nil {
		for i := range page.Events {
			resp.Holdings = append(resp.Holdings, holdingOf(&page.Events[i], q.Until, page.Gaps))
		}
		return resp, nil
	}
	for i := range page.Events {
		resp.Events = append(resp.Events, eventOf(&page.Events[i]))
	}
	if page.More {
		last := page.Events[len(page.Events)-1].Position
		resp.NextPageToken = encodePage(fmt.Sprintf("%d.%d", last.Index, last.Ordinal))
	}
	return resp, nil
}

// selfName returns the name of this node, empty before it is known.
func (b backend) selfName() (name string) {
	b.cluster.Read(func(v storage.View) {
		if n, ok := v.Node(b.cluster.Self()); ok {
			name = n.Name
		}
	})
	return name
}

// historyQuery reads a request.
func historyQuery(req *adminv1.ListLeaseHistoryRequest) (history.Query, error) {
	var q history.Query
	var err error
	switch {
	case (req.GetAddress() == "") == (req.GetClient() == ""):
		return q, errField("address", "either an address or a client is needed")
	case req.GetAddress() != "":
		q.Addr, err = parseAddr("address", req.GetAddress())
	default:
		q.Client, q.CHAddr, err = parseClient("client", req.GetClient())
	}
	if err != nil {
		return q, err
	}
	if req.GetAt() != nil {
		if req.GetSince() != nil || req.GetUntil() != nil || req.GetPageToken() != "" {
			return q, errField("at", "goes with no other time and no page")
		}
		q.Until, q.Last, q.Limit = req.GetAt().GetSeconds(), true, holdingsMax
		return q, nil
	}
	if req.GetSince() != nil {
		q.Since = req.GetSince().GetSeconds()
	}
	if req.GetUntil() != nil {
		q.Until = req.GetUntil().GetSeconds()
	}
	if q.Limit, err = pageSize(req.GetPageSize()); err != nil {
		return q, err
	}
	token, err := decodePage(req.GetPageToken())
	if err != nil || token == "" {
		return q, err
	}
	if n, err := fmt.Sscanf(token, "%d.%d", &q.Before.Index, &q.Before.Ordinal); n != 2 || err != nil {
		return q, errField("page_token", "not one of this server's: leave it out to begin anew")
	}
	return q, nil
}

// parseClient reads a client's key, or a hardware address, which is any client's that had it.
func parseClient(field, text string) (key lease.Key, hardware string, err error) {
	if strings.HasPrefix(text, "id:") || strings.HasPrefix(text, "hw:") {
		if key, err = lease.ParseKey(text); err != nil {
			return "", "", errField(field, "%v", err)
		}
		return key, "", nil
	}
	b, ok := parseHardware(text)
	if !ok {
		return "", "", errField(field, "%q is no client: a hardware address is needed, as in "+
			"02:67:00:00:00:01, or what lists show as client, as in id:01026700000001", text)
	}
	return lease.HardwareKey(ethernet, b), string(b), nil
}

// timeOf translates wall time; nil if it is not known.
func timeOf(seconds int64) *timestamppb.Timestamp {
	if seconds == 0 {
		return nil
	}
	return timestamppb.New(time.Unix(seconds, 0))
}

// wallOf returns the wall time of a moment of cluster time, as seen from an event. Cluster time may have
// stood still between the two, never the other way round.
func wallOf(e *history.Entry, i lease.Instant) int64 {
	if i == 0 || i == lease.Never {
		return 0
	}
	return e.Wall + int64(i-e.Clock)
}

// eventOf translates an event for the API.
func eventOf(e *history.Entry) *adminv1.LeaseEvent {
	circuit, remote := relayIDs(e.RelayInfo)
	out := &adminv1.LeaseEvent{
		Time: timeOf(e.Wall), TimeReckoned: e.Reckoned, Kind: adminv1.LeaseEventKind(e.What),
		Address: e.Addr.String(), Client: e.Client.String(), Hostname: e.Hostname,
		HardwareAddress: config.FormatHardware([]byte(e.CHAddr)),
		StartTime:       timeOf(wallOf(e, e.Start)), BookedTime: timeOf(wallOf(e, e.Booked)),
		Permanent: e.Booked == lease.Never, CircuitId: circuit, RemoteId: remote,
		RelayAgentInfo: []byte(e.RelayInfo), Author: e.Author, LogIndex: e.Index,
	}
	if e.Told != 0 {
		out.LeaseTime = secondsOf(e.Told)
	}
	return out
}

// holdingOf says what the last event before a moment means for that moment.
func holdingOf(e *history.Entry, at int64, gaps []history.Gap) *adminv1.LeaseHolding {
	out := &adminv1.LeaseHolding{Event: eventOf(e)}
	switch e.What {
	case history.Bound, history.Renewed:
		out.UntilTime = out.Event.GetBookedTime()
		out.Held = out.Event.GetPermanent() || at < out.UntilTime.GetSeconds()
	case history.Released, history.Declined, history.Deleted:
		out.UntilTime = out.Event.GetTime()
	case history.Offered, history.Cleared: // Nobody's.
	}
	for _, g := range gaps {
		if g.Begin < at && (g.End == 0 || g.End > e.Wall) {
			out.Uncertain = true
		}
	}
	return out
}
