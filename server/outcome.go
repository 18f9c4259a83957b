package server

// Outcome is how an exchange ended: log key, metric label and heading in docs/outcomes.md in one word.
type Outcome uint8

// String returns the word of o, in snake case.
func (o Outcome) String() string { return "unknown" }
