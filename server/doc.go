// Package server carries a client's message from the wire to its reply. It owns the order of steps and
// nothing else: what a message means is decided in dhcp4, what the cluster agrees on in storage.
//
// The way of a DISCOVER: a listener hears a datagram and calls Serve4. wire4 parses it; dhcp4.Decide finds
// the client's link and looks in the replicated state for an address that suits it, in this node's part of
// the free ones; the address is held in offers; dhcp4.Reply builds the OFFER, dhcp4.Destination says where it
// goes, wire4 encodes it, the sender puts it on the wire, and the other nodes are told. A REQUEST differs in
// one step: its command is committed by the cluster first, and the reply is made from the committed result.
//
// A node whose turn it is not waits between deciding and acting, and stays silent if another node answers
// meanwhile (neighbours.go, dhcp4/responder.go).
//
// RARP has no lease and therefore a shorter line of its own, in serverarp.go.
//
// Read serve4.go first, then dhcp4/decide.go. outcome.go lists every way in which an exchange can end.
//
// This package is a spine.
package server
