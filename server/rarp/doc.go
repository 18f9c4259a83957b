// Package rarp is what a RARP frame means and what the reply is (RFC 903): a device that knows only its
// Ethernet address asks for its IPv4 address, and the nodes on its link know it from a reservation that says
// rarp: on. There is no lease and no term; nothing is committed, because the reservation was.
//
// Read decide.go first; frame.go is the octets, memory.go whose turn it is when a device asks again.
//
// This package is pure.
package rarp
