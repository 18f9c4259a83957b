// Package option knows the options of DHCPv4: their codes and names, the form of their values, and the spaces
// of sub-options inside them (RFC 2132 and what came after it). It turns what an administrator wrote into
// octets and back.
//
// registry.go is the one table that code, files and documents are made from. Then read type.go for the forms,
// value.go for values and space.go for sub-options.
//
// This package is pure.
package option
