package listen

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// portHolder returns in words which process has UDP port port of IPv4, as far as this process may know.
func portHolder(port uint16) string {
	const unknown = "another process"
	inode := socketInode(port)
	if inode == "" {
		return unknown
	}
	descriptors, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return unknown
	}
	for _, d := range descriptors {
		if target, err := os.Readlink(d); err != nil || target != "socket:["+inode+"]" {
			continue
		}
		process := filepath.Dir(filepath.Dir(d))
		name, err := os.ReadFile(filepath.Join(process, "comm"))
		if err != nil {
			continue
		}
		return fmt.Sprintf("%s (pid %s)", bytes.TrimSpace(name), filepath.Base(process))
	}
	return unknown
}

// socketInode returns the inode of the UDP socket bound to port, from the table of this thread's network
// namespace, or nothing.
func socketInode(port uint16) string {
	table, err := os.Open("/proc/thread-self/net/udp")
	if err != nil {
		return ""
	}
	defer table.Close()
	for lines := bufio.NewScanner(table); lines.Scan(); {
		// sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode …
		columns := strings.Fields(lines.Text())
		if len(columns) > 9 && strings.HasSuffix(columns[1], fmt.Sprintf(":%04X", port)) {
			return columns[9]
		}
	}
	return ""
}
