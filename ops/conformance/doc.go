// Package conformance holds a table of packets in and expectations out, keyed by the rows of protocol
// behaviour (docs/protocol-rows.txt), and plays it to a server in three ways:
//
//   - in this process, to the Server and the RARP of port67/server with a replicated state but without a
//     cluster or a socket (NewCore), in every go test;
//   - over a wire in the lab's namespaces, to port67d, with frames of which every octet is looked at (build
//     tag lab);
//   - over the same wire to the servers of others, each with a configuration that says the same, which makes
//     the matrix in docs/conformance.md (make conformance).
//
// A Vector is independent of all others: its clients have hardware addresses that no other vector uses, so
// that on the wire many are played at once, for silence has to be waited for. An expectation follows the
// row; where our answer differs on purpose, the vector says by which ADR.
//
// Start with vector.go; the table stands in the files table*_test.go. What BOOTP, RARP and single kinds of
// clients need beside the rest is in bootp.go, rarp.go and clients.go.
//
// This package is test machinery.
package conformance
