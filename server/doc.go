// Package server carries a client's message from the wire to its reply. It owns the order of steps and
// nothing else: what a message means is decided in dhcp4, what the cluster agrees on in storage.
//
// Read serve4.go first, then dhcp4/decide.go.
//
// This package is a spine.
package server
