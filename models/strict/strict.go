// Package strict decodes YAML into Go values and refuses whatever it does not
// know: an unknown key, a wrong type, an anchor, a second document. Every
// error says file:line:col, what is wrong and the choices, as docs/design.md
// wants of input; all errors of a file are reported together. The scanner and
// parser are github.com/goccy/go-yaml's.
package strict

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// MaxBytes bounds a file: cards and suites are written by hand.
const MaxBytes = 256 << 10

// maxLine bounds a line in bytes: the parser's time grows with its square.
const maxLine = 8 << 10

// maxDepth bounds nesting, since the parser recurses.
const maxDepth = 100

// A Pos is a place in a file; line and column count from 1, in characters.
type Pos struct {
	File      string
	Line, Col int
}

// String returns "file:line:col", or the file alone where there is no line.
func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

// Errorf returns an error at p.
func (p Pos) Errorf(format string, args ...any) *Error {
	return &Error{Pos: p, Msg: fmt.Sprintf(format, args...)}
}

// An Error is one thing wrong at one place.
type Error struct {
	Pos Pos
	Msg string
}

func (e *Error) Error() string { return e.Pos.String() + ": " + e.Msg }

// Errors are all things wrong with a file, in the order of their places; they
// print one per line.
type Errors []*Error

func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Add appends e unless it is nil.
func (es *Errors) Add(e *Error) {
	if e != nil {
		*es = append(*es, e)
	}
}

// Err returns es sorted by place, each line once, or nil where there are none.
func (es Errors) Err() error {
	if len(es) == 0 {
		return nil
	}
	slices.SortStableFunc(es, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Col, b.Pos.Col))
	})
	return slices.CompactFunc(es, func(a, b *Error) bool { return *a == *b })
}

// Unwrap lets errors.As reach each of them.
func (es Errors) Unwrap() []error {
	out := make([]error, len(es))
	for i, e := range es {
		out[i] = e
	}
	return out
}

// Parse reads one YAML document; file is what errors call it.
func Parse(file string, b []byte) (Node, error) {
	at := Pos{File: file}
	switch {
	case len(b) > MaxBytes:
		return Node{}, Errors{at.Errorf("file of %d bytes is too large (at most %d)", len(b), MaxBytes)}
	case longest(b) > maxLine:
		return Node{}, Errors{at.Errorf("line of %d bytes is too long (at most %d)", longest(b), maxLine)}
	case depth(b) > maxDepth:
		return Node{}, Errors{at.Errorf("nested deeper than %d levels", maxDepth)}
	}
	f, err := parse(b)
	if err != nil {
		return Node{}, Errors{syntax(at, err)}
	}
	var body ast.Node
	for _, d := range f.Docs {
		if d.Body == nil || d.Body.Type() == ast.CommentType {
			continue
		}
		if body != nil {
			return Node{}, Errors{position(at.File, d.Body.GetToken()).Errorf("second YAML document: a file holds one")}
		}
		body = d.Body
	}
	if body == nil {
		return Node{}, Errors{at.Errorf("file is empty")}
	}
	return Node{file: file, n: body}, nil
}

// parse shields the caller from panics in the parser: a file from outside must
// cost an error, not the program.
func parse(b []byte) (f *ast.File, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("cannot be read as YAML")
		}
	}()
	return parser.ParseBytes(b, 0)
}

// syntax places an error of the parser.
func syntax(at Pos, err error) *Error {
	msg := err.Error()
	if e, ok := err.(interface {
		GetToken() *token.Token
		GetMessage() string
	}); ok {
		msg = e.GetMessage()
		at = position(at.File, e.GetToken())
	}
	msg, _, _ = strings.Cut(strings.TrimSpace(msg), "\n")
	return at.Errorf("%s", msg)
}

func position(file string, t *token.Token) Pos {
	p := Pos{File: file, Line: 1, Col: 1}
	if t != nil && t.Position != nil {
		p.Line, p.Col = max(1, t.Position.Line), max(1, t.Position.Column)
	}
	return p
}

// longest returns the length of b's longest line.
func longest(b []byte) int {
	n := 0
	for line := range bytes.Lines(b) {
		n = max(n, len(line))
	}
	return n
}

// depth returns an upper bound of the nesting of b: open brackets, block
// entries of one line, and steps of indentation.
func depth(b []byte) int {
	deepest, flow := 0, 0
	for line := range strings.Lines(string(b)) {
		rest := strings.TrimLeft(line, " \t-?:&!|>")
		indent := len(line) - len(rest)
		for _, c := range rest {
			switch c {
			case '[', '{':
				flow++
				deepest = max(deepest, flow)
			case ']', '}':
				flow = max(0, flow-1)
			}
		}
		deepest = max(deepest, indent/2)
	}
	return deepest
}
