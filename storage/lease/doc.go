// Package lease is leases and the address space they are taken from.
//
// This package is pure.
package lease
