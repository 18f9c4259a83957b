// Package adminv1 is the admin API, generated from the .proto files beside it: what dhcpctl and other programs
// speak with a node. Imports nothing of ours.
//
// This package is a codec.
package adminv1
