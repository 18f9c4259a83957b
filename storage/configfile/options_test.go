package configfile

import (
	"bytes"
	"strings"
	"testing"

	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/google/go-cmp/cmp"

	"port67/storage/config"
	"port67/storage/option"
)

// Every option of the registry is read from its example and written so that the same octets come back, each
// form natural enough that it is not hex. Options that the server sets are tried without a file.
func TestOptions_EveryExampleRoundTrips(t *testing.T) {
	for _, def := range option.Standard() {
		if config.RefusedOption(def.Code) != "" {
			exampleAlone(t, def)
			continue
		}
		c := decode(t, "options: {"+def.Name+": "+def.Example+"}")
		if len(c.Options) != 1 || c.Options[0].Code != def.Code || len(c.Options[0].Data) == 0 {
			t.Errorf("%s: options %v, want one with octets", def.Name, c.Options)
			continue
		}
		text, err := Encode(c)
		if err != nil {
			t.Fatal(err)
		}
		if raw := strings.Contains(string(text), def.Name+": \"hex:"); raw != strings.HasPrefix(def.Example, "hex:") {
			t.Errorf("%s: %s is written as %s", def.Name, def.Example, text)
		}
		if d := cmp.Diff(c, decode(t, string(text)), comparer); d != "" {
			t.Errorf("%s: -want +got\n%s\n%s", def.Name, d, text)
		}
	}
}

// exampleAlone reads the example of an option that no file may have.
func exampleAlone(t *testing.T, def option.Def) {
	t.Helper()
	known := new(config.Config).Definitions()
	file, err := parser.Parse(lexer.Tokenize(def.Example), 0)
	if err != nil {
		t.Fatal(err)
	}
	d := &decoder{at: make(map[string]position)}
	v, ok := d.optionValue("", file.Docs[0].Body)
	data, space, err := known.Encode(def, v)
	if !ok || err != nil {
		t.Errorf("%s: %s is no value: %v, %v", def.Name, def.Example, d.problems, err)
		return
	}
	again := known.Value(def, data, space)
	if s, isText := again.(string); isText && s == option.Raw(data) && !strings.HasPrefix(def.Example, "hex:") {
		t.Errorf("%s: %s is written as %s", def.Name, def.Example, s)
	}
	if octets, _, err := known.Encode(def, again); err != nil || !bytes.Equal(octets, data) {
		t.Errorf("%s: %s is %x, and that is %v: %x, %v", def.Name, def.Example, data, again, octets, err)
	}
}
