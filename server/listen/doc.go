// Package listen owns the sockets on which clients are heard and answered, and the goroutines that read them.
// It knows interfaces, frames and how much work there may be at once; what a datagram means it does not know.
//
// Read listen.go first; then udp4.go for the way in, admit.go for what is done when there is too much, and
// send4.go for the way out. rarp.go is RARP, which has no UDP.
//
// This package is a shell.
package listen
