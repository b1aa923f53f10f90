package strict

import (
	"math"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// A Node is a value in a file, with its place.
type Node struct {
	file string
	n    ast.Node
}

// A Field is one key of a mapping with its value.
type Field struct {
	Key   string
	At    Pos // of the key
	Value Node
}

// Unmarshaler is a type that reads itself, for example because it may be
// written in two ways.
type Unmarshaler interface{ UnmarshalNode(n Node) error }

// Zero reports a node that holds nothing.
func (n Node) Zero() bool { return n.n == nil }

// Pos returns where n begins.
func (n Node) Pos() Pos {
	if n.n == nil {
		return Pos{File: n.file}
	}
	switch v := n.n.(type) {
	case *ast.MappingNode:
		// A block mapping's own token is its first colon.
		if !v.IsFlowStyle && len(v.Values) > 0 {
			return position(n.file, v.Values[0].Key.GetToken())
		}
	case *ast.MappingValueNode:
		return position(n.file, v.Key.GetToken())
	}
	return position(n.file, n.n.GetToken())
}

// Kind names what n is in words: mapping, list, text, number, true or false, nothing.
func (n Node) Kind() string {
	switch n.n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.StringNode, *ast.LiteralNode:
		return "text"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a number"
	case *ast.BoolNode:
		return "true or false"
	case nil, *ast.NullNode:
		return "nothing"
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode:
		return "an anchor or alias (not read here: a suite can extend another)"
	case *ast.TagNode:
		return "a tag (not read here)"
	}
	return "something else"
}

// Wrong returns the error of a value of another kind than wanted.
func (n Node) Wrong(want string) *Error {
	got := n.Kind()
	if t, ok := n.Text(); ok {
		got = strconv.Quote(clip(t))
	}
	return n.Pos().Errorf("want %s, have %s", want, got)
}

// clip shortens a value for an error message.
func clip(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}

// Text returns a scalar as it is written, quotes removed.
func (n Node) Text() (string, bool) {
	switch v := n.n.(type) {
	case *ast.StringNode:
		return v.Value, true
	case *ast.LiteralNode:
		return v.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return strings.TrimSpace(v.GetToken().Value), true
	}
	return "", false
}

// IsMapping and IsList say what n is.
func (n Node) IsMapping() bool {
	switch n.n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return true
	}
	return false
}

// IsList reports a sequence.
func (n Node) IsList() bool { _, ok := n.n.(*ast.SequenceNode); return ok }

// Items returns the elements of a list.
func (n Node) Items() ([]Node, *Error) {
	s, ok := n.n.(*ast.SequenceNode)
	if !ok {
		return nil, n.Wrong("a list")
	}
	out := make([]Node, len(s.Values))
	for i, v := range s.Values {
		out[i] = Node{n.file, v}
	}
	return out, nil
}

// Fields returns the keys of a mapping in the order written.
func (n Node) Fields() ([]Field, *Error) {
	var values []*ast.MappingValueNode
	switch v := n.n.(type) {
	case *ast.MappingNode:
		values = v.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{v}
	default:
		return nil, n.Wrong("a mapping")
	}
	out := make([]Field, 0, len(values))
	seen := map[string]bool{}
	for _, v := range values {
		k := Node{n.file, v.Key}
		text, ok := k.Text()
		switch {
		case !ok:
			return nil, k.Pos().Errorf("a key is a word, not %s", k.Kind())
		case seen[text]:
			return nil, k.Pos().Errorf("key %q appears twice", clip(text))
		}
		seen[text] = true
		out = append(out, Field{text, k.Pos(), Node{n.file, v.Value}})
	}
	return out, nil
}

// Get returns the value of a key of a mapping; a zero Node where there is none.
func (n Node) Get(key string) Node {
	fs, _ := n.Fields()
	for _, f := range fs {
		if f.Key == key {
			return f.Value
		}
	}
	return Node{file: n.file}
}

// Float returns a finite number.
func (n Node) Float() (float64, *Error) {
	switch v := n.n.(type) {
	case *ast.IntegerNode:
		switch i := v.Value.(type) {
		case int64:
			return float64(i), nil
		case uint64:
			return float64(i), nil
		}
	case *ast.FloatNode:
		if !math.IsInf(v.Value, 0) && !math.IsNaN(v.Value) {
			return v.Value, nil
		}
	}
	return 0, n.Wrong("a number")
}

// Int returns a whole number.
func (n Node) Int() (int64, *Error) {
	if v, ok := n.n.(*ast.IntegerNode); ok {
		switch i := v.Value.(type) {
		case int64:
			return i, nil
		case uint64:
			if i <= math.MaxInt64 {
				return int64(i), nil
			}
		}
	}
	return 0, n.Wrong("a whole number")
}

// Bool returns true or false.
func (n Node) Bool() (bool, *Error) {
	if v, ok := n.n.(*ast.BoolNode); ok {
		return v.Value, nil
	}
	return false, n.Wrong("true or false")
}

// Any returns n as plain Go values: map[string]any, []any, string, float64,
// int64, bool or nil.
func (n Node) Any() (any, *Error) {
	switch v := n.n.(type) {
	case nil, *ast.NullNode:
		return nil, nil
	case *ast.BoolNode:
		return v.Value, nil
	case *ast.IntegerNode:
		i, err := n.Int()
		return i, err
	case *ast.FloatNode:
		f, err := n.Float()
		return f, err
	case *ast.SequenceNode:
		items, err := n.Items()
		out := make([]any, 0, len(items))
		for _, it := range items {
			x, e := it.Any()
			if e != nil {
				return nil, e
			}
			out = append(out, x)
		}
		return out, err
	case *ast.MappingNode, *ast.MappingValueNode:
		fs, err := n.Fields()
		out := make(map[string]any, len(fs))
		for _, f := range fs {
			x, e := f.Value.Any()
			if e != nil {
				return nil, e
			}
			out[f.Key] = x
		}
		return out, err
	}
	if t, ok := n.Text(); ok {
		return t, nil
	}
	return nil, n.Wrong("a plain value")
}

// Quote returns how many characters stand before a scalar's first: 1 for a
// quotation mark, otherwise 0.
func (n Node) Quote() int {
	if s, ok := n.n.(*ast.StringNode); ok && (s.Token.Type == token.SingleQuoteType || s.Token.Type == token.DoubleQuoteType) {
		return 1
	}
	return 0
}
