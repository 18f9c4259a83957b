package configfile

import (
	"os"
	"strings"
	"testing"

	"port67/storage/config"
)

// The examples of the page on network boot are configurations.
func TestNetbootPage_Examples(t *testing.T) {
	page, err := os.ReadFile("../../docs/operations/netboot.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(page), "```yaml\n")[1:]
	if len(blocks) != 2 {
		t.Errorf("%d examples, want 2", len(blocks))
	}
	for _, b := range blocks {
		text, _, _ := strings.Cut(b, "```")
		if _, problems := config.Compile(decode(t, text)); len(problems) > 0 {
			t.Error(problems)
		}
	}
}
