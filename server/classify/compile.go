package classify

import (
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"

	"port67/storage/config"
	"port67/storage/option"
)

// What one expression may be and cost at most. It is evaluated while a client waits, perhaps thousands of
// times a second. The library counts about one for each step and a tenth for each octet that a step touches.
const (
	nestingMax      = 64
	regexProgramMax = 2048
	costMax         = 50_000
)

// compiler turns the expressions of one configuration into programs.
type compiler struct {
	env         *cel.Env
	config      *config.Config
	definitions *option.Definitions
}

func newCompiler(c *config.Config, s *Set) (*compiler, error) {
	registry, err := types.NewRegistry()
	if err != nil {
		return nil, fmt.Errorf("expressions: %w", err)
	}
	options := append([]cel.EnvOption{
		cel.CustomTypeProvider(fields{registry}), cel.CustomTypeAdapter(registry),
		cel.ClearMacros(), // They are loops; without them every expression ends soon.
		cel.ParserRecursionLimit(nestingMax),
		cel.RegexProgramSizeLimit(regexProgramMax),
		cel.ASTValidators(cel.ValidateRegexLiterals()),
	}, words(s.definitions)...)
	env, err := cel.NewEnv(options...)
	if err != nil {
		return nil, fmt.Errorf("expressions: %w", err)
	}
	return &compiler{env: env, config: c, definitions: s.definitions}, nil
}

// compile returns the program of an expression of class i that yields want, or what is wrong with it. It
// survives the library's panics: nothing in a file may end a node.
func (c *compiler) compile(i int, path, text string, want *cel.Type,
) (p cel.Program, problems []config.Problem) {
	report := func(line, column int, format string, args ...any) {
		problem := config.Problem{Path: path, Text: fmt.Sprintf(format, args...)}
		if strings.Contains(text, "\n") {
			problem.Text = fmt.Sprintf("line %d, column %d of it: %s", line, column+1, problem.Text)
		} else {
			problem.Offset = column
		}
		problems = append(problems, problem)
	}
	defer func() {
		if r := recover(); r != nil {
			report(1, 0, "no expression: %v", r)
			p = nil
		}
	}()
	checked, issues := c.env.Compile(text)
	if issues.Err() != nil {
		for _, e := range issues.Errors() {
			report(e.Location.Line(), e.Location.Column(), "%s", inOurWords(e.Message))
		}
		return nil, problems
	}
	tree := checked.NativeRep()
	ast.PostOrderVisit(tree.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if why := c.objection(i, tree, e); why != "" {
			at := tree.SourceInfo().GetStartLocation(e.ID())
			report(at.Line(), at.Column(), "%s", why)
		}
	}))
	if out := checked.OutputType(); !out.IsExactType(want) && !out.IsExactType(types.DynType) {
		report(1, 0, "the expression is of type %s: %s is wanted", cel.FormatCELType(out), cel.FormatCELType(want))
	}
	if len(problems) > 0 {
		return nil, problems
	}
	p, err := c.env.Program(checked, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(costMax))
	if err != nil {
		report(1, 0, "%v", err)
		return nil, problems
	}
	return p, nil
}

// inOurWords returns a message of the library as administrators can use it.
func inOurWords(message string) string {
	if message == "invalid matches argument" {
		return "the pattern of matches is no regular expression (RE2), or a very large one"
	}
	message, _, _ = strings.Cut(message, " expecting {") // Every character that could stand there.
	message = strings.ReplaceAll(message, " (in container '')", "")
	return strings.ReplaceAll(message, "\n", " ")
}

// objection says what is wrong with a call in the expression of class i: an option that nobody knows, a class
// that is not above it, a pattern that is not written out. The library does not know of these.
func (c *compiler) objection(i int, tree *ast.AST, e ast.Expr) string {
	if e.Kind() != ast.CallKind {
		return ""
	}
	call := e.AsCall()
	args := call.Args()
	switch name := call.FunctionName(); name {
	case memberCall:
		member, _ := literal(args[0]).(types.String)
		return c.noMember(i, string(member))
	case "matches":
		if _, ok := literal(args[len(args)-1]).(types.String); !ok {
			return "the pattern of matches must be written out: one from a message could be of any size"
		}
	case "option", "raw", "has", "sub":
		if !call.IsMemberFunction() || tree.GetType(call.Target().ID()).TypeName() != packetType.TypeName() {
			return ""
		}
		if v := literal(args[0]); v != nil {
			if _, err := optionOf(c.definitions, v); err != nil {
				return err.Error()
			}
		}
	}
	return ""
}

// noMember says why class i cannot ask for the members of name; empty if it can.
func (c *compiler) noMember(i int, name string) string {
	above := config.ReadyMade()
	for _, class := range c.config.Classes[:i] {
		above = append(above, class.Name)
	}
	if slices.Contains(above, name) {
		return ""
	}
	if template, ok := config.TemplateOf(name); ok {
		for _, class := range c.config.Classes[:i] {
			_, good := config.ClassOfValue(template, name[len(template)+1:])
			if class.Name == template && class.Template != "" && good {
				return ""
			}
		}
	}
	named := func(class config.Class) bool { return class.Name == name }
	if slices.ContainsFunc(c.config.Classes[i:], named) {
		return fmt.Sprintf("class %s stands here or below: only those above can be asked for", name)
	}
	return fmt.Sprintf("class %s unknown%s: define it above, or name a ready-made one", name,
		config.Suggest(name, above))
}
