package configfile

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"port67/storage/config"
)

// bootp reads what is said about BOOTP clients at one level.
func (d *decoder) bootp(path string, n ast.Node, b *config.BOOTPSettings) {
	d.mapping(path, n, []key{
		{name: "dynamic", take: optional(d, &b.Dynamic, config.ParseBool)},
		{name: "lease", take: optional(d, &b.Lease, config.ParseSeconds)},
		{name: "files", take: func(path string, n ast.Node) { d.bootFiles(path, n, b) }},
		{name: "strict-files", take: optional(d, &b.StrictFiles, config.ParseBool)},
		{name: "always-options", take: optional(d, &b.AlwaysOptions, config.ParseBool)},
		{name: "short-requests", take: optional(d, &b.ShortRequests, config.ParseBool)},
	})
}

// bootFiles reads names of boot files and where they are. Their order in the file means nothing.
func (d *decoder) bootFiles(path string, n ast.Node, b *config.BOOTPSettings) {
	pairs, ok := d.pairs(path, n)
	if !ok {
		return
	}
	for _, p := range pairs {
		name := keyText(p)
		if where, ok := d.text(path+"."+name, p.Value); ok {
			b.Files = append(b.Files, config.BootFile{Name: name, Path: where})
		}
	}
	slices.SortFunc(b.Files, func(x, y config.BootFile) int { return cmp.Compare(x.Name, y.Name) })
}

// bootp writes what is said about BOOTP clients at one level.
func (w *writer) bootp(b *config.BOOTPSettings) {
	var parts []string
	onOff := func(name string, v *bool) {
		if v != nil {
			parts = append(parts, name+": "+strconv.FormatBool(*v))
		}
	}
	onOff("dynamic", b.Dynamic)
	if b.Lease != nil {
		parts = append(parts, "lease: "+config.FormatSeconds(*b.Lease))
	}
	if len(b.Files) > 0 {
		files := make([]string, 0, len(b.Files))
		for _, f := range b.Files {
			files = append(files, quote(f.Name)+": "+quote(f.Path))
		}
		parts = append(parts, "files: {"+strings.Join(files, ", ")+"}")
	}
	onOff("strict-files", b.StrictFiles)
	onOff("always-options", b.AlwaysOptions)
	onOff("short-requests", b.ShortRequests)
	if len(parts) > 0 {
		w.pair("bootp", "{"+strings.Join(parts, ", ")+"}")
	}
}
