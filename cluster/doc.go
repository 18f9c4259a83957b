// Package cluster is how the nodes agree: it turns a command into a committed result, keeps cluster time,
// and does what only a leader may do. It knows nothing of DHCP packets.
//
// The life of a proposal, with the goroutines it passes through:
//
//	caller            Propose: into the queue, wait for the outcome or the end of ctx
//	proposer (1)      everything queued while the last batch was in flight becomes the next one
//	  leader:         stamp, encode, raft.Apply ──▶ Raft ──▶ replica.Apply ──▶ results, back to the callers
//	  follower:       Peer.Forward to the leader, whose own proposer does the above
//
// Read node.go (who owns which goroutine), propose.go, replica.go, time.go, lead.go in this order; then
// fence.go and replace.go for what a node does that may have lost, or has lost, what made it a member. The
// guards against what hashicorp/raft does wrong carry their numbers of safety.md §5 (G1 … G14) and most of
// them stand in raft.go.
//
// This package is a shell.
package cluster
