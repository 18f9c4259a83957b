// Package trust is how the nodes of a cluster know each other: its certificate authority, the identities in
// certificates, the tokens that admit a new node, and the one TLS port behind which Raft, the calls between
// nodes and joining live.
//
// A certificate of the cluster's authority alone opens nothing: the role in it must fit the port, and the
// node must be a member now (safety.md §5; CVE-2021-37219 is what happens otherwise).
//
// This package is a shell.
package trust
