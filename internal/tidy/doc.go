// Package tidy is tests about the repository itself: which package may import which, what a pure package may
// do, how long things may be, and how comments are written. It has no code of its own.
//
// This package is test machinery.
package tidy
