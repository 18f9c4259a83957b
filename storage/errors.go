package storage

import "errors"

// The errors of proposing a command, by what the caller may believe. A DHCP caller stays silent in the
// first three: the client retransmits, and Apply knows the command again.
var (
	// ErrNoLeader means that the command was not proposed; nothing happened.
	ErrNoLeader = errors.New("no leader: the cluster has no quorum, or is electing")
	// ErrOverloaded means that the command was not proposed; a queue is full.
	ErrOverloaded = errors.New("overloaded: the queue of proposals is full")
	// ErrUnknown means that the command may be committed, now, later or never.
	ErrUnknown = errors.New("outcome unknown: the command may or may not have been committed")
	// ErrRefused is wrapped by a clear no to something that is more than one command, as is ending a
	// membership; the text around it names the reason and the remedy. Nothing happened.
	ErrRefused = errors.New("refused")
)
