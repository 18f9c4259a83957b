package dhcp4

import (
	"slices"

	"port67/storage"
	"port67/storage/lease"
)

// secsPatient is how long a client may have been trying before every node that hears it answers (HA-002).
const secsPatient = 3

// ahead returns the nodes that should answer before this one, first the first; none if it is this node's turn
// at once. Every node that hears the message comes to the same order (RFC 3074, HA-002).
//
// At once answers: who was sent a unicast by the client itself; whose server identifier the client chose; who
// owns the client's bucket; and everybody when the client was left without an answer before, or has been
// trying for some seconds. Nodes that do not hear what comes this way are not waited for.
func (c *chooser) ahead() []storage.NodeID {
	if c.d.Private || c.self.Waited {
		return nil
	}
	bucket := c.d.Key.Bucket()
	first, ok := c.chosen()
	if !ok {
		first, _ = c.view.BucketOwner(bucket)
	}
	if first == c.self.Node {
		return nil
	}
	if lease.Seconds(c.q.secs()) >= secsPatient+c.minSecs || c.self.Ears.Unanswered(c.d.Key, c.q) {
		return nil
	}
	order := Order(c.view, first, bucket)
	if i := slices.Index(order, c.self.Node); i >= 0 {
		order = order[:i]
	}
	return slices.DeleteFunc(order, func(id storage.NodeID) bool {
		return c.self.Ears.Deaf(c.d.Path, id)
	})
}

// waits says whether others should answer before this node, and notes who.
func (c *chooser) waits() bool {
	c.d.Ahead = c.ahead()
	return len(c.d.Ahead) > 0
}

// chosen returns the node whose own address the client named as its server, if that node still serves.
func (c *chooser) chosen() (storage.NodeID, bool) {
	sid, ok := c.q.addr(optServerID)
	if !ok || c.q.Type == Discover {
		return "", false
	}
	if _, moves := c.d.Config.ServiceAddress(sid); moves {
		return "", false
	}
	if local(c.in, sid) {
		return c.self.Node, true
	}
	id, ok := c.view.OwnerOfAddress(sid)
	if !ok || c.view.BucketsOf(id) == (lease.BucketSet{}) {
		return "", false
	}
	return id, true
}

// Order returns the nodes that serve, in the order in which they answer: first, then the others by ID, round
// and round. A node serves if it owns buckets. Nodes that own none (new, drained or lost ones) come last, so
// that they too know when it is their turn. If first does not serve, or nobody owns anything yet, the bucket
// decides where the order begins.
func Order(view storage.View, first storage.NodeID, bucket uint8) []storage.NodeID {
	var serving, idle []storage.NodeID
	for _, n := range view.Nodes() {
		switch {
		case n.Removed:
		case view.BucketsOf(n.ID) != lease.BucketSet{}:
			serving = append(serving, n.ID)
		default:
			idle = append(idle, n.ID)
		}
	}
	if len(serving) == 0 {
		serving, idle = idle, nil
	}
	if len(serving) == 0 {
		return nil
	}
	start := slices.Index(serving, first)
	if start < 0 {
		start = int(bucket) % len(serving)
	}
	order := make([]storage.NodeID, 0, len(serving)+len(idle))
	order = append(append(order, serving[start:]...), serving[:start]...)
	return append(order, idle...)
}
