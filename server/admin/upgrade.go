package admin

import (
	"context"
	"fmt"
	"strings"

	adminv1 "port67/proto/admin/v1"
	"port67/storage"
)

// readers is what the members say of the feature levels that they can read.
type readers struct {
	common uint32 // what all of them read; 0 if there are none
	most   uint32 // what the newest release among them reads
	behind string // those that read less than most, with their releases
}

func readersOf(st ClusterStatus) readers {
	nodes := nodesOf(st)
	if len(nodes) == 0 {
		return readers{}
	}
	r := readers{common: nodes[0].GetLevel()}
	for _, n := range nodes {
		r.common, r.most = min(r.common, n.GetLevel()), max(r.most, n.GetLevel())
	}
	r.behind = behind(nodes, r.most)
	return r
}

// behind names the nodes that read less than level.
func behind(nodes []*adminv1.Node, level uint32) string {
	var names []string
	for _, n := range nodes {
		if n.GetLevel() < level {
			names = append(names, n.GetName()+" ("+n.GetVersion()+")")
		}
	}
	return strings.Join(names, ", ")
}

// outlook says in words whether anything holds the feature level of the cluster back, and what an operator
// can do about it.
func (r readers) outlook(level uint32) string {
	switch {
	case r.most == 0:
		return ""
	case r.common > level && r.common == r.most:
		return fmt.Sprintf("every node reads level %d; until `dhcpctl cluster upgrade finalize` raises it, "+
			"the nodes can go back to the release before", r.common)
	case r.common > level:
		return fmt.Sprintf("every node reads level %d, to which `dhcpctl cluster upgrade finalize` raises it; "+
			"held back there, of %d, by %s", r.common, r.most, r.behind)
	case r.common == r.most:
		return fmt.Sprintf("nothing holds it back: no node reads more than level %d", r.most)
	}
	return fmt.Sprintf("held back at level %d, of %d, by %s: install the release of the other nodes there, "+
		"or remove what does not come back", r.common, r.most, r.behind)
}

// FinalizeUpgrade raises the feature level as far as every member reads. A silent member holds it back, too:
// it may be on its way back to an older release.
func (s *clusters) FinalizeUpgrade(ctx context.Context, req *adminv1.FinalizeUpgradeRequest,
) (*adminv1.FinalizeUpgradeResponse, error) {
	if err := s.barrier(ctx); err != nil {
		return nil, err
	}
	st := s.cluster.Status()
	r := readersOf(st)
	resp := &adminv1.FinalizeUpgradeResponse{PreviousLevel: st.Level, Level: req.GetLevel()}
	const subject = "feature level"
	switch level := req.GetLevel(); {
	case level == st.Level && level != 0:
		return resp, nil
	case level != 0 && level < st.Level:
		return nil, errState("STATE", subject, fmt.Sprintf("feature level: %d is in force and does not go down to "+
			"%d: the log may hold what the older release cannot read", st.Level, level))
	case level > r.common:
		return nil, errState("STATE", subject, fmt.Sprintf("feature level: not raised to %d, which cannot be "+
			"read by %s; install a newer release there, or remove what does not come back",
			level, behind(nodesOf(st), level)))
	case level == 0 && r.common <= st.Level && r.most > st.Level:
		return nil, errState("STATE", subject, "feature level: "+r.outlook(st.Level))
	case level == 0 && r.common <= st.Level:
		return nil, errState("STATE", subject, fmt.Sprintf("feature level: nothing to finalize: %d is in force, "+
			"and no node reads more", st.Level))
	case level == 0:
		resp.Level = r.common
	}
	err := allHeard(st, "could be on its way back to an older release, which the new level would stop")
	if err != nil || req.GetValidateOnly() {
		return resp, err
	}
	_, err = s.propose(ctx, subject, storage.SetLevel{Level: resp.GetLevel()})
	if err != nil {
		return nil, err
	}
	return resp, nil
}
