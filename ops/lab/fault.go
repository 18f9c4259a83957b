package lab

import (
	"context"
	"fmt"
	"strings"
)

// Traffic is a kind of packets that a partition cuts.
type Traffic uint8

// The kinds; they may be joined by |.
const (
	Peers   Traffic = 1 // Raft and node-to-node calls: TCP port 6701, both directions
	Clients Traffic = 2 // DHCP: UDP ports 67 and 68, both directions, raw frames included
)

// Partition cuts node i off from the given traffic until Heal. The rules stand in the node's own namespace, at
// the edge of its interface, where frames of raw sockets pass too. A second call replaces the first.
func (l *Lab) Partition(ctx context.Context, i int, what Traffic) error {
	var rules strings.Builder
	if what&Peers != 0 {
		rules.WriteString("tcp dport 6701 drop\n tcp sport 6701 drop\n")
	}
	if what&Clients != 0 {
		rules.WriteString("udp dport { 67, 68 } drop\n udp sport { 67, 68 } drop\n")
	}
	table := fmt.Sprintf(`table netdev lab
delete table netdev lab
table netdev lab {
 chain in { type filter hook ingress device "eth0" priority 0; policy accept;
 %[1]s }
 chain out { type filter hook egress device "eth0" priority 0; policy accept;
 %[1]s }
}
`, rules.String())
	cmd := l.Node(i).Command(ctx, "nft", "-f", "-")
	cmd.Stdin = strings.NewReader(table)
	_, err := output(cmd)
	return err
}

// Heal ends every partition of node i.
func (l *Lab) Heal(ctx context.Context, i int) error { return l.Partition(ctx, i, 0) }
