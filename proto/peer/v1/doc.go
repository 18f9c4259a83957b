// Package peerv1 is the messages and calls between the nodes of one cluster, generated from peer.proto.
//
// This package is generated.
package peerv1
