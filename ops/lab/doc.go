// Package lab makes a small network out of network namespaces and runs real port67d processes in it: a bridge
// with three servers, clients on the same link, and a second link behind a relay agent. It needs root, the
// commands ip and nft, and for some things udhcpc, dhcrelay and tshark. Nothing it does is seen outside of
// its namespaces, and Close leaves nothing behind.
//
//	                    far  10.68.0.0/24          lan  10.67.0.0/16
//	far clients ──────────────┬───────── relay ──────────┬──────────┬──────────┬───────── lan clients
//	                     10.68.0.1   10.67.0.1           n1         n2         n3
//	                                                 10.67.0.2  10.67.0.3  10.67.0.4
//
// A test says what it wants and waits for it by Poll; nothing here sleeps for a fixed time.
//
//	l, err := lab.New(ctx, lab.Options{Log: t.Output()})
//	defer l.Close()
//	leader, err := l.Leader(ctx)
//	l.Node(leader).Kill()
//	out, err := l.Ctl(ctx, 2, "lease", "list", "-o", "json")
//
// Nodes are counted from 1, as in their names n1, n2, n3. Host is any namespace: of a node, a client, the
// relay or a load generator. Host.In runs Go code inside, so that sockets which it opens belong there.
//
// This package is test machinery.
package lab
