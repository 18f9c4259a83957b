package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
)

// settingKey is one key of the node file. The same table serves the file, the flags and the environment.
type settingKey struct {
	path string // as in the file: peer.listen
	help string // for the flag
	list bool
	take func(s *nodeSettings, word said) error
}

// flag is the key's command-line flag: peer.listen is --peer-listen.
func (k settingKey) flag() string { return "--" + strings.ReplaceAll(k.path, ".", "-") }

// env is the key's environment variable: peer.listen is PORT67_PEER_LISTEN.
func (k settingKey) env() string {
	return "PORT67_" + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(k.path))
}

// split makes a list of a flag's or variable's value: its parts between commas.
func (k settingKey) split(value string) []string {
	if !k.list {
		return []string{value}
	}
	if value == "" {
		return nil
	}
	return strings.Split(value, ",")
}

// settingKeys returns all keys in the order of the documentation.
func settingKeys() []settingKey {
	one := func(take func(s *nodeSettings, v string) error) func(*nodeSettings, said) error {
		return func(s *nodeSettings, word said) error { return take(s, strings.Join(word.values, "")) }
	}
	return []settingKey{
		{path: "name", help: "name of this node, unique in the cluster (default: the host's name)",
			take: one(takeName)},
		{path: "data", help: "data folder (default " + defaultData + ")", take: one(takeData)},
		{path: "interfaces", help: "interfaces on which DHCP is heard, as in eth0,eth1 " +
			"(default: all that are up and have an IPv4 address)", list: true, take: takeInterfaces},
		{path: "peer.listen", help: "address and port for the other nodes, as in 10.67.0.2:6701",
			take: one(takePeerListen)},
		{path: "peer.advertise", help: "address and port under which the other nodes reach this one " +
			"(default: peer.listen)", take: one(takePeerAdvertise)},
		{path: "admin.listen", help: "address and port of the admin API (default: only the socket)",
			take: one(func(s *nodeSettings, v string) (err error) {
				s.AdminListen, err = listenAddress(v)
				return err
			})},
		{path: "admin.socket", help: "path of the local admin socket (default " + defaultSocket + ")",
			take: one(takeSocket)},
		{path: "admin.group", help: "group that may use the admin socket besides root (default: " +
			defaultGroup + ", if there is one)", take: one(takeGroup)},
		{path: "metrics.listen", help: "address and port of /metrics, /healthz and /readyz (default: off)",
			take: one(func(s *nodeSettings, v string) (err error) {
				s.MetricsListen, err = listenAddress(v)
				return err
			})},
		{path: "history.size", help: "how much is kept of what happened to leases, as in 1GiB, or off (default " +
			"256MiB)", take: one(takeHistorySize)},
		{path: "allow-slow-disk", help: "serve even if the data folder's disk is too slow for fast failover",
			take: one(takeAllowSlowDisk)},
		{path: "log.level", help: "debug, info, warn or error (default info)", take: one(takeLogLevel)},
		{path: "log.format", help: "text or json (default text)", take: one(takeLogFormat)},
	}
}

// The defaults that are named in more than one place.
const (
	defaultData   = "/var/lib/port67"
	defaultSocket = "/run/port67/admin.sock"
	defaultGroup  = "port67"

	defaultHistorySize = 256 << 20
	historySizeMin     = 8 << 20
	historySizeMax     = 1 << 40
)

func defaultSettings() nodeSettings {
	host, _ := os.Hostname() // Without one the name is required.
	name, _, _ := strings.Cut(host, ".")
	s := nodeSettings{
		Name: name, Data: defaultData, AdminSocket: defaultSocket, HistorySize: defaultHistorySize,
	}
	if _, err := user.LookupGroup(defaultGroup); err == nil {
		s.AdminGroup = defaultGroup
	}
	return s
}

func takeName(s *nodeSettings, v string) error {
	bad := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '.'
	}
	if v == "" || len(v) > 63 || strings.ContainsFunc(v, bad) {
		return fmt.Errorf("%q: a name is 1 to 63 letters, digits, hyphens and dots", v)
	}
	s.Name = v
	return nil
}

func takeData(s *nodeSettings, v string) error {
	if !filepath.IsAbs(v) {
		return fmt.Errorf("%q: not an absolute path", v)
	}
	s.Data = filepath.Clean(v)
	return nil
}

// interfaceNameMax is one less than IFNAMSIZ of Linux.
const interfaceNameMax = 15

func takeInterfaces(s *nodeSettings, word said) error {
	if len(word.values) == 0 {
		return errors.New("empty list; remove the key to serve all interfaces")
	}
	seen := map[string]bool{}
	for _, v := range word.values {
		if v == "" || len(v) > interfaceNameMax || strings.ContainsAny(v, "/ \t") {
			return fmt.Errorf("%q: not the name of an interface; see: ip link", v)
		}
		if seen[v] {
			return fmt.Errorf("%q: named twice", v)
		}
		seen[v] = true
	}
	s.Interfaces = word.values
	return nil
}

func takePeerListen(s *nodeSettings, v string) error {
	a, err := netip.ParseAddrPort(v)
	if err != nil || a.Port() == 0 {
		return fmt.Errorf("%q: not an address with a port, as in 10.67.0.2:6701", v)
	}
	s.PeerListen = a
	return nil
}

func takePeerAdvertise(s *nodeSettings, v string) error {
	host, port, err := net.SplitHostPort(v)
	if err != nil || host == "" || !isPort(port) {
		return fmt.Errorf("%q: not a host with a port, as in n1.example.org:6701", v)
	}
	if a, err := netip.ParseAddr(host); err == nil && a.IsUnspecified() {
		return fmt.Errorf("%q: other nodes cannot reach an unspecified address; name one of this host's", v)
	}
	s.PeerAdvertise = v
	return nil
}

// listenAddress takes an address with a port, or a port on all addresses as in :6703.
func listenAddress(v string) (string, error) {
	host, port, err := net.SplitHostPort(v)
	if err == nil && host != "" {
		_, err = netip.ParseAddr(host)
	}
	if err != nil || !isPort(port) {
		return "", fmt.Errorf("%q: not an address with a port, as in 127.0.0.1:6703", v)
	}
	return v, nil
}

func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}

// socketPathMax is what Linux has room for in the address of a Unix socket, without the closing zero.
const socketPathMax = 107

func takeSocket(s *nodeSettings, v string) error {
	if !filepath.IsAbs(v) {
		return fmt.Errorf("%q: not an absolute path", v)
	}
	if len(v) > socketPathMax {
		return fmt.Errorf("%q: %d octets long; a socket's path may have %d", v, len(v), socketPathMax)
	}
	s.AdminSocket = filepath.Clean(v)
	return nil
}

func takeGroup(s *nodeSettings, v string) error {
	if _, err := user.LookupGroup(v); err != nil {
		return fmt.Errorf("%q: no such group; make it with: groupadd --system %s", v, v)
	}
	s.AdminGroup = v
	return nil
}

func takeHistorySize(s *nodeSettings, v string) error {
	if v == "off" {
		s.HistorySize = 0
		return nil
	}
	for _, unit := range []struct {
		name string
		size int64
	}{{"MiB", 1 << 20}, {"GiB", 1 << 30}} {
		number, ok := strings.CutSuffix(v, unit.name)
		if n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 32); ok && err == nil {
			if s.HistorySize = n * unit.size; historySizeMin <= s.HistorySize && s.HistorySize <= historySizeMax {
				return nil
			}
			return fmt.Errorf("%q: from 8MiB to 1024GiB, or off", v)
		}
	}
	return fmt.Errorf("%q: a size with a unit is needed, as in 256MiB or 2GiB, or off", v)
}

func takeAllowSlowDisk(s *nodeSettings, v string) error {
	switch v {
	case "true", "on":
		s.AllowSlowDisk = true
	case "false", "off":
		s.AllowSlowDisk = false
	default:
		return fmt.Errorf("%q: write on or off", v)
	}
	return nil
}

func takeLogLevel(s *nodeSettings, v string) error {
	levels := map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
	}
	level, ok := levels[v]
	if !ok {
		return fmt.Errorf("%q: write debug, info, warn or error", v)
	}
	s.LogLevel = level
	return nil
}

func takeLogFormat(s *nodeSettings, v string) error {
	if v != "text" && v != "json" {
		return fmt.Errorf("%q: write text or json", v)
	}
	s.LogJSON = v == "json"
	return nil
}

// check says what is wrong with settings that are each well-formed, and fills in what follows from others.
func (s *nodeSettings) check(file string, words map[string]said) settingProblems {
	var problems settingProblems
	wrong := func(key, text string) {
		origin := file
		if w, ok := words[key]; ok {
			origin = w.origin
		}
		problems = append(problems, settingProblem{origin, key, text})
	}
	if s.Name == "" {
		wrong("name", "required, because this host has no name")
	}
	if !s.PeerListen.IsValid() {
		wrong("peer.listen", "required: the address and port for the other nodes, as in 10.67.0.2:6701")
	} else if s.PeerAdvertise == "" {
		if s.PeerListen.Addr().IsUnspecified() {
			wrong("peer.listen", fmt.Sprintf("%v: other nodes cannot reach an unspecified address; "+
				"name one of this host's, or set peer.advertise", s.PeerListen))
		}
		s.PeerAdvertise = s.PeerListen.String()
	}
	used := map[string]string{}
	for _, l := range []struct{ key, addr string }{
		{"peer.listen", s.PeerListen.String()}, {"admin.listen", s.AdminListen}, {"metrics.listen", s.MetricsListen},
	} {
		if other, taken := used[l.addr]; taken && l.addr != "" {
			wrong(l.key, fmt.Sprintf("%s: %s has it already", l.addr, other))
		}
		used[l.addr] = l.key
	}
	return problems
}
