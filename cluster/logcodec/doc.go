// Package logcodec turns entries of the log into octets and back, and commands and results for their way
// between nodes.
//
// Read logcodec.go for the envelope and what may go wrong, then encode.go and decode.go, which say the same
// thing in two directions; proto/raftlog/v1 says it in a third way and is the contract.
//
// This package is a codec.
package logcodec
