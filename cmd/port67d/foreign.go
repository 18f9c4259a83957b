package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"port67/ops/importer"
	"port67/ops/importer/kea"
	"port67/server/classify"
	"port67/storage/configfile"
)

// checkKea says whether a configuration of Kea would load, and what of it would be changed or left behind.
func checkKea(w io.Writer, file string) error {
	src, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	in, err := kea.Import(file, src, func(from, name string) (string, []byte, error) {
		if !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(from), name)
		}
		b, err := os.ReadFile(name)
		return name, b, err
	}, classify.Check)
	if err != nil {
		return err
	}
	if _, err := configfile.Encode(in.Config); err != nil {
		return fmt.Errorf("%s: would not load: %w", file, err)
	}
	fmt.Fprint(w, in.Report.Text(importer.Changed, importer.Left))
	fmt.Fprintf(w, "%s: would load; take it over with dhcpctl import kea\n", file)
	return nil
}
