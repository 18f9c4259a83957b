package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"
)

// contextNoun is everything about saved ways to clusters.
func (t *tool) contextNoun() *cobra.Command {
	return noun("context", "Save how clusters are reached, and choose among them",
		`Save how clusters are reached, and choose among them. A context has the addresses of
nodes and the paths of the administrator's certificate, its key and the authority's
certificate. It is used by --context NAME, by PORT67_CONTEXT, or always after context
use; --server, --cert, --key, --ca and --socket count more, one by one, and so do
DHCPCTL_SERVER and DHCPCTL_SOCKET unless --context is given. The context local is the
socket of the node on this machine.

Contexts are in port67/contexts.yaml of $XDG_CONFIG_HOME, or of ~/.config.`,
		t.contextAdd(), t.contextList(), t.contextUse(), t.contextDelete())
}

// contextAdd saves a way to a cluster.
func (t *tool) contextAdd() *cobra.Command {
	var use, replace bool
	c := &cobra.Command{
		Use:   "add NAME",
		Short: "Save how a cluster is reached",
		Long: `Save how a cluster is reached: what --server, --cert, --key and --ca say, or --socket.
The files are checked and stay where they are. No node is asked.`,
		Example: `  dhcpctl context add lab --server n1.example.org:6702,n2.example.org:6702 \
    --cert admin.crt --key admin.key --ca ca.crt --use`,
		Args: exactly("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := t.newContext(c, args[0])
			if err != nil {
				return err
			}
			f, err := t.readContexts()
			if err != nil {
				return err
			}
			switch i := f.find(s.Name); {
			case i < 0:
				f.Contexts = append(f.Contexts, s)
			case !replace:
				return fmt.Errorf("context %s: there is one of that name already: add --replace, or choose another name",
					s.Name)
			default:
				f.Contexts[i] = s
			}
			hint := "; it is used with --context " + s.Name
			if use {
				f.Current, hint = s.Name, "; it is used from now on"
			}
			return t.changeContexts(f, fmt.Sprintf("context %s saved%s", s.Name, hint))
		},
	}
	c.Flags().BoolVar(&use, "use", false, "use it from now on")
	c.Flags().BoolVar(&replace, "replace", false, "even if there is one of that name")
	return t.changes(c)
}

// contextName is what a context can be called.
var contextName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// newContext makes a context of the flags and checks it.
func (t *tool) newContext(c *cobra.Command, name string) (savedContext, error) {
	s := savedContext{Name: name}
	switch {
	case !contextName.MatchString(name):
		return s, usagef(c, "context %q: a name is 1 to 63 letters, digits, hyphens, dots and underscores", name)
	case name == localContext:
		return s, usagef(c, "context %s: that is the socket of the node on this machine: choose another name", name)
	case c.Flags().Changed("socket") && c.Flags().Changed("server"):
		return s, usagef(c, "--socket and --server: two ways to one node: give one of them")
	case c.Flags().Changed("socket"):
		path, err := filepath.Abs(t.link.socket)
		s.Socket = path
		return s, err
	case len(t.link.servers) == 0:
		return s, usagef(c, "%s: --server is missing, with --cert, --key and --ca; or --socket", c.CommandPath())
	}
	if err := t.link.checkServers(c); err != nil {
		return s, err
	}
	if _, err := t.link.tlsConfig(); err != nil {
		return s, err
	}
	s.Servers = t.link.servers
	for _, f := range []struct {
		to   *string
		path string
	}{{&s.CA, t.link.ca}, {&s.Cert, t.link.cert}, {&s.Key, t.link.key}} {
		path, err := filepath.Abs(f.path)
		if err != nil {
			return s, err
		}
		*f.to = path
	}
	return s, nil
}

// changeContexts writes contexts unless it is a dry run, and shows what they are now, to people in one line.
func (t *tool) changeContexts(f contextFile, line string) error {
	if t.dryRun {
		line = "dry run, nothing changed: " + line
	} else if err := t.writeContexts(f); err != nil {
		return err
	}
	return t.showFields(contextFields(f), func(bool) error {
		_, err := fmt.Fprintln(t.out, line)
		return err
	})
}

// contextFields is contexts for programs.
func contextFields(f contextFile) []field {
	items := []any{}
	for _, s := range f.Contexts {
		servers := []any{}
		for _, server := range s.Servers {
			servers = append(servers, scalar(server))
		}
		items = append(items, []field{
			{"name", scalar(s.Name)}, {"servers", servers}, {"ca", scalar(s.CA)}, {"cert", scalar(s.Cert)},
			{"key", scalar(s.Key)}, {"socket", scalar(s.Socket)},
		})
	}
	return []field{{"current", scalar(f.current())}, {"contexts", items}}
}

// current returns the name of the context that is used if nothing else is said.
func (f *contextFile) current() string { return nameOr(f.Current, localContext) }

// contextList lists contexts.
func (t *tool) contextList() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the saved contexts",
		Long:    "List the saved contexts. A * marks the one that is used if nothing else is said.",
		Example: "  dhcpctl context list",
		Args:    exactly(),
		RunE: func(*cobra.Command, []string) error {
			f, err := t.readContexts()
			if err != nil {
				return err
			}
			return t.showFields(contextFields(f), func(wide bool) error {
				table := columns{names: []string{"CONTEXT", "NODES", "+CERTIFICATE", "+KEY", "+AUTHORITY"}}
				local := savedContext{Name: localContext, Socket: socketDefault}
				for _, s := range append([]savedContext{local}, f.Contexts...) {
					name := s.Name
					if name == f.current() {
						name += " *"
					}
					table.add(name, joinWords(s.Servers)+s.Socket, orNone(s.Cert), orNone(s.Key), orNone(s.CA))
				}
				return table.print(t.out, wide)
			})
		},
	}
}

// contextUse chooses the usual context.
func (t *tool) contextUse() *cobra.Command {
	return t.changes(&cobra.Command{
		Use:   "use NAME",
		Short: "Choose the context that is used if nothing else is said",
		Long: `Choose the context that is used if nothing else is said; local goes back to the local
socket.`,
		Example:           "  dhcpctl context use lab\n  dhcpctl context use local",
		Args:              exactly("NAME"),
		ValidArgsFunction: t.offer(t.contextNames),
		RunE: func(c *cobra.Command, args []string) error {
			f, err := t.findContext(c, args[0])
			if err != nil {
				return err
			}
			f.Current = args[0]
			if args[0] == localContext {
				f.Current = ""
			}
			return t.changeContexts(f, fmt.Sprintf("context %s is used from now on", args[0]))
		},
	})
}

// findContext reads the contexts and refuses a name that is not among them.
func (t *tool) findContext(c *cobra.Command, name string) (contextFile, error) {
	f, err := t.readContexts()
	if err == nil && !slices.Contains(f.names(), name) {
		err = usagef(c, "context %s: there is none of that name: one of %s", name, joinWords(f.names()))
	}
	return f, err
}

// contextDelete forgets a context.
func (t *tool) contextDelete() *cobra.Command {
	return t.changes(&cobra.Command{
		Use:   "delete NAME",
		Short: "Forget a context",
		Long: `Forget a context. Certificates and keys stay where they are. If it was the one in use,
the local socket is used from now on.`,
		Example:           "  dhcpctl context delete lab",
		Args:              exactly("NAME"),
		ValidArgsFunction: t.offer(t.contextNames),
		RunE: func(c *cobra.Command, args []string) error {
			f, err := t.findContext(c, args[0])
			if err != nil {
				return err
			}
			i := f.find(args[0])
			if i < 0 {
				return usagef(c, "context %s: it is always there", args[0])
			}
			f.Contexts = slices.Delete(f.Contexts, i, i+1)
			line := fmt.Sprintf("context %s deleted", args[0])
			if f.Current == args[0] {
				f.Current = ""
				line += "; the local socket is used from now on"
			}
			return t.changeContexts(f, line)
		},
	})
}

// contextNames lists the contexts for the shell.
func (t *tool) contextNames(*cobra.Command, string) ([]string, error) {
	f, err := t.readContexts()
	return f.names(), err
}

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
