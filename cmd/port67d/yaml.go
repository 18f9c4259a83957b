package main

import (
	"errors"
	"fmt"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"port67/storage/configfile"
)

// nodeFileMax is how many octets a node file may have at most: a wrong path (a disk image, a log) must not run
// away with the memory.
const nodeFileMax = 1 << 20

// parseNodeFile returns the one document that the file is, nil if the file is empty, or why it is none. A
// panic of the YAML library is a problem of the file.
func parseNodeFile(name string, at func(line, column int) string, text []byte) (
	body ast.Node, problem *settingProblem,
) {
	defer func() {
		if cause := recover(); cause != nil {
			body, problem = nil, &settingProblem{Origin: name, Text: fmt.Sprintf("no YAML: %v", cause)}
		}
	}()
	if len(text) > nodeFileMax {
		return nil, &settingProblem{Origin: name, Text: fmt.Sprintf("%d octets: a node file has at most %d",
			len(text), nodeFileMax)}
	}
	place := func(t *token.Token) string {
		if t == nil || t.Position == nil {
			return name
		}
		return at(t.Position.Line, t.Position.Column)
	}
	tokens := lexer.Tokenize(string(text))
	if t := configfile.TooDeep(tokens); t != nil {
		return nil, &settingProblem{Origin: place(t), Text: fmt.Sprintf("nested more than %d levels deep",
			configfile.DepthMax)}
	}
	file, err := parser.Parse(tokens, 0)
	if err != nil {
		var y yaml.Error
		if errors.As(err, &y) {
			return nil, &settingProblem{Origin: place(y.GetToken()), Text: y.GetMessage()}
		}
		return nil, &settingProblem{Origin: name, Text: err.Error()}
	}
	for _, doc := range file.Docs {
		switch {
		case doc.Body == nil || doc.Body.Type() == ast.CommentType:
		case body != nil:
			return nil, &settingProblem{Origin: place(doc.Body.GetToken()), Text: "a second document: a node file " +
				"is one; remove the line --- and what is not of this node"}
		default:
			body = doc.Body
		}
	}
	return body, nil
}
