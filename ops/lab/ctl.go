package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"time"
)

// Ctl runs dhcpctl against the admin socket of node i, or where --server says, and returns what
// it wrote to standard output.
func (l *Lab) Ctl(ctx context.Context, i int, args ...string) (string, error) {
	n := l.Node(i)
	argv := args
	if !slices.Contains(args, "--server") {
		argv = append([]string{"--socket", n.Socket()}, args...)
	}
	out, err := n.Command(ctx, l.opts.Ctl, argv...).Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return string(out), &CtlError{Node: n.Name, Args: args, Code: exit.ExitCode(), Text: string(exit.Stderr)}
	}
	return string(out), err
}

// CtlError is a dhcpctl that ended with an exit status other than 0.
type CtlError struct {
	Node string
	Args []string
	Code int
	Text string // standard error
}

// Error says what was run, how it ended and what it said.
func (e *CtlError) Error() string {
	return fmt.Sprintf("dhcpctl %q on %s: exit status %d: %s", e.Args, e.Node, e.Code, e.Text)
}

// Status is what a node says of the cluster, as far as the lab looks at it.
type Status struct {
	Leader  string // name of the node; empty: none known
	Members []Member
}

// Member is a member in a Status.
type Member struct {
	Name    string
	Voter   bool
	Alive   bool
	Buckets int
	Trouble string
}

// Status asks node i for its view of the cluster. It works without a quorum too.
func (l *Lab) Status(ctx context.Context, i int) (Status, error) {
	out, err := l.Ctl(ctx, i, "cluster", "status", "-o", "json")
	if err != nil {
		return Status{}, err
	}
	return parseStatus([]byte(out))
}

func parseStatus(b []byte) (Status, error) {
	var raw struct {
		LeaderName string `json:"leader_name"`
		Nodes      []struct {
			Name    string `json:"name"`
			Role    string `json:"role"`
			Alive   bool   `json:"alive"`
			Buckets int    `json:"buckets"`
			Trouble string `json:"trouble"`
		} `json:"nodes"`
	}
	if err := json.Unmarshal(b, &raw); err != nil {
		return Status{}, fmt.Errorf("cluster status: %w: %s", err, b)
	}
	s := Status{Leader: raw.LeaderName}
	for _, m := range raw.Nodes {
		s.Members = append(s.Members, Member{
			Name: m.Name, Voter: m.Role == "NODE_ROLE_LEADER" || m.Role == "NODE_ROLE_FOLLOWER",
			Alive: m.Alive, Buckets: m.Buckets, Trouble: m.Trouble,
		})
	}
	return s, nil
}

// Leader returns the index of the node that leads, as told by the running nodes. It waits for an election.
func (l *Lab) Leader(ctx context.Context) (int, error) {
	leader := 0
	err := Poll(ctx, "a leader", 20*time.Second, func(ctx context.Context) error {
		last := errors.New("no node runs")
		for _, n := range l.nodes {
			if !n.Running() {
				continue
			}
			s, err := l.Status(ctx, n.Index)
			if err != nil {
				last = err
				continue
			}
			for _, m := range l.nodes {
				if m.Name == s.Leader && m.Running() {
					leader = m.Index
					return nil
				}
			}
			last = fmt.Errorf("%s knows of no leader that runs", n.Name)
		}
		return last
	})
	return leader, err
}

// Follower returns the index of a running node that does not lead.
func (l *Lab) Follower(ctx context.Context) (int, error) {
	leader, err := l.Leader(ctx)
	if err != nil {
		return 0, err
	}
	for _, n := range l.nodes {
		if n.Index != leader && n.Running() {
			return n.Index, nil
		}
	}
	return 0, errors.New("no running follower")
}

// WaitServing waits until node i says on /readyz that it serves.
func (l *Lab) WaitServing(ctx context.Context, i int) error {
	n := l.Node(i)
	return Poll(ctx, n.Name+" serves", 30*time.Second, func(ctx context.Context) error {
		if !n.Running() {
			return ErrStopped
		}
		text, err := n.get(ctx, n.MetricsURL()+"/readyz")
		if err != nil {
			return fmt.Errorf("%w %s", err, text)
		}
		return nil
	})
}

// WaitVoters waits until node i sees want members that vote, are alive and own buckets.
func (l *Lab) WaitVoters(ctx context.Context, i, want int) error {
	what := fmt.Sprintf("n%d sees %d voters", i, want)
	return Poll(ctx, what, 60*time.Second, func(ctx context.Context) error {
		s, err := l.Status(ctx, i)
		if err != nil {
			return err
		}
		voters := 0
		for _, m := range s.Members {
			if m.Voter && m.Alive && m.Buckets > 0 {
				voters++
			}
		}
		if voters != want {
			return fmt.Errorf("it sees %d: %+v", voters, s)
		}
		return nil
	})
}

// WaitDead waits until node i sees node dead as not alive and without buckets.
func (l *Lab) WaitDead(ctx context.Context, i, dead int) error {
	name := l.Node(dead).Name
	return Poll(ctx, fmt.Sprintf("n%d sees that %s is dead", i, name), 30*time.Second,
		func(ctx context.Context) error {
			s, err := l.Status(ctx, i)
			if err != nil {
				return err
			}
			for _, m := range s.Members {
				if m.Name == name && (m.Alive || m.Buckets > 0) {
					return fmt.Errorf("it sees %+v", m)
				}
			}
			return nil
		})
}
