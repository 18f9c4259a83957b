// Command port67d is one node of the service: it answers DHCP clients, keeps its copy of the cluster's state
// and takes part in every decision about an address.
//
// Read main.go for the commands, build.go for what a node is made of, stop.go for how it ends.
//
// Exit status: 0 done, or stopped after draining; 1 refused or failed, with the reason on standard error; 2
// wrong usage.
//
// This package is a shell.
package main
