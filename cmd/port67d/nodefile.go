package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// defaultNodeFile is where the node file is looked for when --node does not name one.
const defaultNodeFile = "/etc/port67/node.yaml"

// nodeSettings is what one node knows of itself and does not share: the node file, with what flags and
// environment changed of it. Everything else is replicated.
type nodeSettings struct {
	Name          string
	Data          string
	Interfaces    []string // empty: all that are up and have an address
	PeerListen    netip.AddrPort
	PeerAdvertise string // host:port
	AdminListen   string // empty: socket only
	AdminSocket   string
	AdminGroup    string // empty: root only
	MetricsListen string // empty: off
	HistorySize   int64  // octets; 0: off
	AllowSlowDisk bool
	LogLevel      slog.Level
	LogJSON       bool
}

// settingProblem is one thing that is wrong with the settings: where it was said, what was found, what helps.
type settingProblem struct {
	Origin string // node.yaml:4:11, PORT67_PEER_LISTEN or --peer-listen
	Key    string // peer.listen
	Text   string
}

// String reads "ORIGIN: KEY: TEXT".
func (p settingProblem) String() string {
	if p.Key == "" {
		return p.Origin + ": " + p.Text
	}
	return p.Origin + ": " + p.Key + ": " + p.Text
}

// settingProblems is everything that is wrong, in the order in which it was said.
type settingProblems []settingProblem

// Error returns one line for each problem.
func (p settingProblems) Error() string {
	lines := make([]string, len(p))
	for i := range p {
		lines[i] = p[i].String()
	}
	return strings.Join(lines, "\n")
}

// said is one key with its value and the place where it was said.
type said struct {
	origin string
	values []string
	list   bool
}

// settingsSource is where settings come from: later ones win over earlier ones, file, environment, flags.
type settingsSource struct {
	file    string // path; its absence is an error if must
	must    bool
	environ []string
	flags   map[string]string // key → value, only those given
}

// load reads the settings and checks them, each by itself and together. The error is settingProblems, or about
// the file itself. Nothing but the file is looked at.
func (src settingsSource) load() (nodeSettings, error) {
	words := map[string]said{}
	var problems settingProblems
	switch text, err := os.ReadFile(src.file); {
	case errors.Is(err, fs.ErrNotExist) && !src.must:
	case errors.Is(err, fs.ErrNotExist):
		return nodeSettings{}, fmt.Errorf("%s: no such file: write one, or name another with --node", src.file)
	case err != nil:
		return nodeSettings{}, fmt.Errorf("node file: %w", err)
	default:
		problems = readNodeFile(src.file, text, words)
	}
	problems = append(problems, unknownVariables(src.environ)...)
	for _, k := range settingKeys() {
		prefix := k.env() + "="
		for _, pair := range src.environ {
			if value, ok := strings.CutPrefix(pair, prefix); ok {
				words[k.path] = said{origin: k.env(), values: k.split(value), list: k.list}
			}
		}
		if value, ok := src.flags[k.path]; ok {
			words[k.path] = said{origin: k.flag(), values: k.split(value), list: k.list}
		}
	}
	s := defaultSettings()
	for _, k := range settingKeys() {
		word, ok := words[k.path]
		if !ok {
			continue
		}
		if err := k.take(&s, word); err != nil {
			problems = append(problems, settingProblem{word.origin, k.path, err.Error()})
		}
	}
	if len(problems) == 0 {
		problems = s.check(src.file, words)
	}
	if len(problems) > 0 {
		return nodeSettings{}, problems
	}
	return s, nil
}

// readNodeFile adds what the file says to words and returns what it cannot make sense of: bad YAML, unknown
// keys, values of the wrong shape. Positions count from 1.
func readNodeFile(name string, text []byte, words map[string]said) settingProblems {
	at := func(line, column int) string { return fmt.Sprintf("%s:%d:%d", name, line, column) }
	body, problem := parseNodeFile(name, at, text)
	if problem != nil {
		return settingProblems{*problem}
	}
	r := nodeFileReader{at: at, words: words, known: map[string]settingKey{}}
	for _, k := range settingKeys() {
		r.known[k.path] = k
	}
	if body != nil {
		r.mapping("", body)
	}
	return r.problems
}

// nodeFileReader walks the tree of a YAML document.
type nodeFileReader struct {
	at       func(line, column int) string
	words    map[string]said
	known    map[string]settingKey
	problems settingProblems
}

func (r *nodeFileReader) mapping(path string, n ast.Node) {
	var pairs []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		pairs = n.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{n}
	case *ast.CommentGroupNode:
		return
	default:
		r.wrong(n, path, "expected keys with values, as in name: n1")
		return
	}
	for _, pair := range pairs {
		key := pair.Key.GetToken().Value
		if path != "" {
			key = path + "." + key
		}
		r.value(key, pair)
	}
}

func (r *nodeFileReader) value(key string, pair *ast.MappingValueNode) {
	k, known := r.known[key]
	if !known {
		if r.isGroup(key) {
			r.mapping(key, pair.Value)
			return
		}
		text := "unknown key; known are " + strings.Join(slices.Sorted(maps.Keys(r.known)), ", ")
		if near := nearest(key, slices.Sorted(maps.Keys(r.known))); near != "" {
			text = "unknown key; did you mean " + near + "?"
		}
		r.wrong(pair.Key, key, text)
		return
	}
	word := said{origin: r.origin(pair.Value), list: k.list}
	switch v := pair.Value.(type) {
	case *ast.SequenceNode:
		if !k.list {
			r.wrong(v, key, "expected one value, found a list")
			return
		}
		for _, item := range v.Values {
			word.values = append(word.values, scalar(item))
		}
	case *ast.MappingNode, *ast.MappingValueNode:
		r.wrong(pair.Key, key, "expected a value, found keys")
		return
	case *ast.NullNode:
		r.wrong(pair.Key, key, "no value; remove the key to get its default")
		return
	default:
		if k.list {
			r.wrong(v, key, "expected a list, as in ["+scalar(v)+"]")
			return
		}
		word.values = []string{scalar(v)}
	}
	r.words[key] = word
}

// isGroup says whether key is the first part of known keys.
func (r *nodeFileReader) isGroup(key string) bool {
	for known := range r.known {
		if strings.HasPrefix(known, key+".") {
			return true
		}
	}
	return false
}

func (r *nodeFileReader) origin(n ast.Node) string {
	p := n.GetToken().Position
	return r.at(p.Line, p.Column)
}

func (r *nodeFileReader) wrong(n ast.Node, key, text string) {
	r.problems = append(r.problems, settingProblem{r.origin(n), key, text})
}

// scalar returns the text of a value without its quotes and comments.
func scalar(n ast.Node) string {
	if s, ok := n.(*ast.StringNode); ok {
		return s.Value
	}
	return n.GetToken().Value
}
