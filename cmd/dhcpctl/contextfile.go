package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"
)

// localContext is the name of what needs no context: the socket of the node on this machine.
const localContext = "local"

// errNoHome is why a user has no contexts and cannot have any.
var errNoHome = errors.New("contexts: neither XDG_CONFIG_HOME nor HOME is set: set one of them")

// savedContext is a way to a cluster, under a name.
type savedContext struct {
	Name    string   `yaml:"name"`
	Servers []string `yaml:"servers,omitempty"`
	CA      string   `yaml:"ca,omitempty"`
	Cert    string   `yaml:"cert,omitempty"`
	Key     string   `yaml:"key,omitempty"`
	Socket  string   `yaml:"socket,omitempty"`
}

// contextFile is all saved contexts of a user.
type contextFile struct {
	// Current is the context that is used if nothing else is said; empty: the local socket.
	Current  string         `yaml:"current,omitempty"`
	Contexts []savedContext `yaml:"contexts,omitempty"`
}

// contextPath returns where the contexts are: in port67/contexts.yaml of the user's configuration folder.
func (t *tool) contextPath() (string, error) {
	dir := t.getenv("XDG_CONFIG_HOME")
	if dir == "" {
		home := t.getenv("HOME")
		if home == "" {
			return "", errNoHome
		}
		dir = filepath.Join(home, ".config")
	}
	return filepath.Join(dir, "port67", "contexts.yaml"), nil
}

// readContexts reads the contexts; none if there is no file.
func (t *tool) readContexts() (contextFile, error) {
	var f contextFile
	path, err := t.contextPath()
	if err != nil {
		return f, err
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return f, fmt.Errorf("contexts: %w", err)
	}
	if err := yaml.UnmarshalWithOptions(text, &f, yaml.Strict()); err != nil {
		return f, fmt.Errorf("contexts: %s: %s\nmend the file, or remove it and add the contexts again", path,
			yaml.FormatError(err, false, true))
	}
	return f, nil
}

// writeContexts writes the contexts, whole or not at all, for nobody else to read.
func (t *tool) writeContexts(f contextFile) error {
	path, err := t.contextPath()
	if err != nil {
		return err
	}
	text, err := yaml.Marshal(f)
	if err != nil {
		return fmt.Errorf("contexts: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("contexts: %w", err)
	}
	temp, err := os.CreateTemp(filepath.Dir(path), "contexts-*") // 0600
	if err != nil {
		return fmt.Errorf("contexts: %w", err)
	}
	_, err = temp.Write(text)
	if err = errors.Join(err, temp.Close()); err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(temp.Name())
		return fmt.Errorf("contexts: %w", err)
	}
	return nil
}

// find returns the place of a context, -1 if there is none of that name.
func (f *contextFile) find(name string) int {
	return slices.IndexFunc(f.Contexts, func(s savedContext) bool { return s.Name == name })
}

// names returns the names of all contexts, the local one included.
func (f *contextFile) names() []string {
	names := []string{localContext}
	for _, s := range f.Contexts {
		names = append(names, s.Name)
	}
	return names
}

// takeContext fills in what the command line leaves open of the way to a node: from --context; else, if the
// environment names no node, from the context of PORT67_CONTEXT or the usual one. A flag counts more than the
// context, and the environment more than a context that was not named on the command line.
func (t *tool) takeContext(c *cobra.Command) error {
	flags := c.Flags()
	name, named := t.context, flags.Changed("context")
	switch {
	case named && flags.Changed("socket"):
		return usagef(c, "--socket and --context: two ways to one node: give one of them")
	case named:
	case flags.Changed("socket"), t.getenv("DHCPCTL_SOCKET") != "", t.getenv("DHCPCTL_SERVER") != "":
		return nil
	default:
		name = t.getenv("PORT67_CONTEXT")
	}
	if name == localContext {
		t.link.servers = nil
		return nil
	}
	file, err := t.readContexts()
	switch {
	case err == nil:
	case name == "" && (flags.Changed("server") || errors.Is(err, errNoHome)):
		return nil // All that is needed may be on the command line.
	default:
		return err
	}
	if name == "" {
		if name = file.Current; name == "" {
			return nil
		}
	}
	i := file.find(name)
	if i < 0 {
		return usagef(c, "context %s: there is none of that name: one of %s, or make it with dhcpctl context add "+
			"%s", name, joinWords(file.names()), name)
	}
	t.link.take(&file.Contexts[i], func(flag, variable string) bool {
		return flags.Changed(flag) || !named && t.getenv(variable) != ""
	})
	return nil
}

// take takes over a context, but for what given says is said already.
func (l *link) take(s *savedContext, given func(flag, variable string) bool) {
	l.context = s.Name
	if !given("server", "DHCPCTL_SERVER") {
		l.servers = s.Servers
		if s.Socket != "" {
			l.socket = s.Socket
		}
	}
	for _, f := range []struct {
		flag, variable string
		to             *string
		value          string
	}{
		{"cert", "DHCPCTL_CERT", &l.cert, s.Cert}, {"key", "DHCPCTL_KEY", &l.key, s.Key},
		{"ca", "DHCPCTL_CA", &l.ca, s.CA},
	} {
		if !given(f.flag, f.variable) && f.value != "" {
			*f.to = f.value
		}
	}
}
