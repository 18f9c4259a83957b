package config

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"port67/storage/lease"
)

// BOOTPSettings are what can be said about clients that speak BOOTP (RFC 951), at every level. A nil or empty
// field inherits.
type BOOTPSettings struct {
	// Dynamic gives addresses of pools to clients without a reserved one (RFC 1534 §2).
	Dynamic *bool `json:"dynamic,omitempty"`
	// Lease is for how long the log promises an address to a client that is told of no end.
	Lease *lease.Seconds `json:"lease,omitempty"`
	// Files are the boot files that clients name in general terms, by ascending name (RFC 951 §7.3). They are
	// inherited as a whole.
	Files []BootFile `json:"files,omitempty"`
	// StrictFiles keeps silent towards a client that names a boot file which is not known (BP-012).
	StrictFiles *bool `json:"strict_files,omitempty"`
	// AlwaysOptions sends options to clients that sent no magic cookie (BP-007).
	AlwaysOptions *bool `json:"always_options,omitempty"`
	// ShortRequests serves requests of less than 300 octets (BP-014).
	ShortRequests *bool `json:"short_requests,omitempty"`
}

// BootFile is a boot file as clients name it, and where it is.
type BootFile struct {
	Name string `json:"name"`
	Path string `json:"path"`
}

// EffectiveBOOTP is BOOTPSettings with nothing unset.
type EffectiveBOOTP struct {
	Dynamic, StrictFiles, AlwaysOptions, ShortRequests bool
	Lease                                              lease.Seconds
	Files                                              []BootFile
}

// defaultBOOTP is what holds where nothing is configured: reservations alone are answered, and for ever,
// since a BOOTP client never asks again while it runs.
func defaultBOOTP() EffectiveBOOTP {
	return EffectiveBOOTP{Lease: lease.Infinite, ShortRequests: true}
}

// Path returns where the boot file is that clients know by name.
func (e *EffectiveBOOTP) Path(name string) (string, bool) {
	i, ok := slices.BinarySearchFunc(e.Files, name, func(f BootFile, n string) int {
		return cmp.Compare(f.Name, n)
	})
	if !ok {
		return "", false
	}
	return e.Files[i].Path, true
}

func (b *BOOTPSettings) empty() bool {
	return b.Dynamic == nil && b.Lease == nil && len(b.Files) == 0 && b.StrictFiles == nil &&
		b.AlwaysOptions == nil && b.ShortRequests == nil
}

// under puts b, where it is set, in the place of what e says.
func (e *EffectiveBOOTP) under(b *BOOTPSettings) {
	override(&e.Dynamic, b.Dynamic)
	override(&e.Lease, b.Lease)
	override(&e.StrictFiles, b.StrictFiles)
	override(&e.AlwaysOptions, b.AlwaysOptions)
	override(&e.ShortRequests, b.ShortRequests)
	if len(b.Files) > 0 {
		e.Files = b.Files
	}
}

// bootFilesMax is how many boot files may be named at one level.
const bootFilesMax = 256

// bootpLeaseMin is the shortest lease of a BOOTP client. One day is short already for a device that does not
// know that it has to ask again.
const bootpLeaseMin lease.Seconds = 86400

// bootp checks what is said about BOOTP at one level.
func (v *validator) bootp(path string, b *BOOTPSettings) {
	if l := b.Lease; l != nil && *l < bootpLeaseMin {
		v.problem(path+".lease", "%s: at least 1d; a BOOTP client is not told that its address has an end and "+
			"goes on using it", FormatSeconds(*l))
	}
	if n := len(b.Files); n > bootFilesMax {
		v.problem(path+".files", "%d files: at most %d", n, bootFilesMax)
	}
	for i, f := range b.Files {
		at := path + ".files[" + strconv.Itoa(i) + "]"
		switch {
		case f.Name == "" || f.Path == "":
			v.problem(at, "%q: %q: a name and a path are needed", f.Name, f.Path)
		case i > 0 && b.Files[i-1].Name >= f.Name:
			v.problem(at, "%s stands twice or out of order: each once, by ascending name", f.Name)
		}
		v.field(at, f.Name, bootFileOctetsMax)
		v.field(at, f.Path, bootFileOctetsMax)
	}
}

// bootFileOctetsMax is what the field file holds beside its NUL (RFC 951 §3).
const bootFileOctetsMax = 127

// bootp tells what is said about BOOTP at one level.
func (f *flattener) bootp(parent string, b *BOOTPSettings) {
	onOff := func(name string, is *bool) {
		if is != nil {
			f.leaf(parent, name, true, strconv.FormatBool(*is))
		}
	}
	onOff("BOOTP from pools", b.Dynamic)
	if b.Lease != nil {
		f.leaf(parent, "BOOTP lease", true, FormatSeconds(*b.Lease))
	}
	files := make([]string, 0, len(b.Files))
	for _, file := range b.Files {
		files = append(files, file.Name+" = "+file.Path)
	}
	f.leaf(parent, "BOOTP files", len(files) > 0, strings.Join(files, ", "))
	onOff("BOOTP strict files", b.StrictFiles)
	onOff("BOOTP options always", b.AlwaysOptions)
	onOff("BOOTP short requests", b.ShortRequests)
}
