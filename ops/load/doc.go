// Package load is thousands of DHCPv4 clients in one process, and a judge of what they were told.
//
// The clients are whole ones: DISCOVER, OFFER, REQUEST, ACK, retransmission, renewal, rebinding, INIT-REBOOT,
// RELEASE, and lease timers that count from their own REQUEST. They speak through relay agents, which are
// addresses of this machine, or as direct clients by raw broadcast. Checker remembers every ACK and says when
// two clients held one address.
//
// Read client.go first: one client, moved by the time and the messages it hears, and by nothing else.
// fleet.go is many of them, still without clock or socket. load.go and socket.go give them both.
//
//	l, err := load.Open(load.Options{Clients: 3000, Rate: 500, Relays: []load.Relay{{
//		GIAddr: netip.MustParseAddr("10.70.0.1"), Servers: servers,
//	}}})
//	defer l.Close()
//	go l.Run(ctx)
//	err = l.WaitBound(ctx, 3000)
//	fmt.Println(l.Report())
//
// Open opens the sockets, so it is what has to be called inside of a network namespace. Unicast renewals are
// sent from the clients' own addresses and answered to them: the machine must take these addresses for its
// own, as after "ip route add local 10.70.0.0/16 dev lo".
//
// This package is a shell.
package load
