package configfile

import (
	"os"
	"strings"
	"testing"

	"port67/storage/config"
)

// The examples of the pages on network boot and relay agents are configurations.
func TestPages_Examples(t *testing.T) {
	var blocks []string
	for _, name := range []string{"netboot", "relays"} {
		page, err := os.ReadFile("../../docs/operations/" + name + ".md")
		if err != nil {
			t.Fatal(err)
		}
		blocks = append(blocks, strings.Split(string(page), "```yaml\n")[1:]...)
	}
	if len(blocks) != 4 {
		t.Errorf("%d examples, want 4", len(blocks))
	}
	for _, b := range blocks {
		text, _, _ := strings.Cut(b, "```")
		if _, problems := config.Compile(decode(t, text)); len(problems) > 0 {
			t.Error(problems)
		}
	}
}
