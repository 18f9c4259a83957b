package storage

import (
	"slices"

	"port67/storage/config"
	"port67/storage/lease"
)

// revisionsKept is how many configurations are remembered, the one in force included.
const revisionsKept = 32

// sourceLenMax bounds the text of a configuration, in octets: it is replicated, and kept revisionsKept
// times.
const sourceLenMax = 4 << 20

// Revision is one configuration of the past or the present.
type Revision struct {
	Revision uint64
	Source   string // as the administrator wrote it
	Author   string
	Comment  string
	Wall     int64         // wall time when it was proposed, seconds since 1970, for people
	At       lease.Instant // cluster time when it came into force
}

// setConfig replaces the configuration if nobody else did meanwhile. Leases that it leaves without a pool
// stay until their address is reusable.
func (s *State) setConfig(c SetConfig) Result {
	switch {
	case c.Expected != s.revision:
		return refuse(WrongRevision, "another configuration came into force meanwhile")
	case c.Config == nil:
		return refuse(InvalidConfig, "no configuration given")
	case len(c.Source) > sourceLenMax:
		return refuse(InvalidConfig, "text longer than 4 MiB")
	}
	compiled, text, why := compile(c.Config)
	if why != "" {
		return refuse(InvalidConfig, why)
	}
	s.retireService(compiled)
	s.leases.CountBy(counter(compiled), countUnder(s.config, compiled))
	s.revision++
	s.config, s.text = compiled, text
	s.history = append(slices.Clone(s.history), Revision{
		Revision: s.revision, Source: c.Source, Author: c.Author, Comment: c.Comment, Wall: c.Wall, At: s.clock,
	})
	if n := len(s.history) - revisionsKept; n > 0 {
		s.history = s.history[n:]
	}
	s.leases.IndexFacets(compiled.AnswersLeaseQueries())
	s.settled.changed()
	return Result{}
}

// compile returns what c means, made from the text in which snapshots keep it, so that a state that was
// restored has the very same; or why c cannot be.
func compile(c *config.Config) (out *config.Compiled, text []byte, why string) {
	text, err := c.Marshal()
	if err != nil {
		return nil, nil, err.Error()
	}
	out, err = compileText(text)
	if err != nil {
		return nil, nil, err.Error()
	}
	return out, text, ""
}

func compileText(text []byte) (*config.Compiled, error) {
	c, err := config.Unmarshal(text)
	if err != nil {
		return nil, err
	}
	compiled, problems := config.Compile(c)
	if len(problems) > 0 {
		return nil, problemsError(problems)
	}
	return compiled, nil
}

// problemsError is what is wrong with a configuration, one line each.
type problemsError []config.Problem

// Error returns the problems, one line each.
func (p problemsError) Error() string {
	var text []byte
	for i, one := range p {
		if i > 0 {
			text = append(text, '\n')
		}
		text = append(append(append(text, one.Path...), ": "...), one.Text...)
	}
	return string(text)
}
