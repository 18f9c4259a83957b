// Package kea reads what a Kea DHCPv4 server leaves behind: its configuration (JSON with comments and
// includes) and its leases (memfile CSV), and writes leases back in that form.
//
// Read import.go first. parse.go makes a tree in which every value knows its place, translate.go and its
// neighbours make a draft of our configuration out of it, grammar.go says of every keyword that has no
// translation why, prune.go takes out of the draft what our configuration cannot hold. expression.go reads
// the tests of classes, cel.go says them in our words. leases.go reads, export.go writes leases.
//
// Nothing is opened here: files come through a function. What is not understood is never guessed at, and
// what is guarded by something that was not understood is not opened to everybody.
//
// This package is a codec.
package kea
