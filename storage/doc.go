// Package storage is what the cluster remembers, and the only ways in which it may change: a state machine
// that every node feeds with the same log.
//
// Read state.go, command.go, apply.go and apply_lease.go in this order; view.go is what deciders see.
//
// This package is pure.
package storage
