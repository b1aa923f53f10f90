package agents

import (
	"fmt"
	"path"
	"strings"
)

// An Expr is a label expression: class=jetson-orin-* | arch=arm64 & !site=lab.
// & binds tighter than |; a value may hold * for any letters.
type Expr struct {
	text string
	or   [][]term // any of these, each all of its terms
}

// term is one comparison, or an expression in parentheses.
type term struct {
	not        bool
	key, value string
	sub        *Expr
}

func (e *Expr) String() string { return e.text }

// maxDepth bounds parentheses.
const maxDepth = 50

// ParseExpr reads a label expression. The empty one means every device.
func ParseExpr(text string) (*Expr, error) {
	if strings.TrimSpace(text) == "" {
		return &Expr{text: text, or: [][]term{nil}}, nil
	}
	p := parser{text: text}
	e, err := p.expr(0)
	if p.peek(); err == nil && p.at < len(text) {
		err = p.errorf("unexpected %q", p.text[p.at:])
	}
	if err != nil {
		return nil, err
	}
	e.text = text
	return e, nil
}

// Match reports whether a device with these labels is meant.
func (e *Expr) Match(labels map[string]string) bool {
	for _, and := range e.or {
		all := true
		for _, t := range and {
			all = all && t.match(labels) != t.not
		}
		if all {
			return true
		}
	}
	return false
}

func (t term) match(labels map[string]string) bool {
	if t.sub != nil {
		return t.sub.Match(labels)
	}
	v, ok := labels[t.key]
	// A value has no slash that path.Match would stop at: word() refuses it.
	hit, err := path.Match(t.value, strings.ReplaceAll(v, "/", "_"))
	return ok && err == nil && hit
}

type parser struct {
	text string
	at   int
}

func (p *parser) errorf(format string, a ...any) error {
	return fmt.Errorf("label expression %q, column %d: %s (want key=value, key!=value, joined by &, |, ! and parentheses)",
		p.text, p.at+1, fmt.Sprintf(format, a...))
}

// peek skips spaces and returns the next byte, 0 at the end (no token begins
// with a 0, so one in the text is refused as any other byte).
func (p *parser) peek() byte {
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
	if p.at == len(p.text) {
		return 0
	}
	return p.text[p.at]
}

func (p *parser) take(c byte) bool {
	if p.peek() != c {
		return false
	}
	p.at++
	return true
}

func (p *parser) expr(depth int) (*Expr, error) {
	if depth > maxDepth {
		return nil, p.errorf("more than %d parentheses", maxDepth)
	}
	e := &Expr{}
	for {
		var and []term
		for {
			t, err := p.term(depth)
			if err != nil {
				return nil, err
			}
			and = append(and, t)
			if !p.take('&') {
				break
			}
		}
		e.or = append(e.or, and)
		if !p.take('|') {
			return e, nil
		}
	}
}

func (p *parser) term(depth int) (term, error) {
	var t term
	var err error
	for p.take('!') {
		t.not = !t.not
	}
	if p.take('(') {
		if t.sub, err = p.expr(depth + 1); err == nil && !p.take(')') {
			err = p.errorf("a parenthesis is not closed")
		}
		return t, err
	}
	if t.key, err = p.word("a label's name"); err != nil {
		return t, err
	}
	if p.take('!') {
		t.not = !t.not
	}
	if !p.take('=') {
		return t, p.errorf("want = or != after %q", t.key)
	}
	t.value, err = p.word("a value")
	return t, err
}

func (p *parser) word(what string) (string, error) {
	p.peek()
	begin := p.at
	for p.at < len(p.text) && p.text[p.at] > ' ' && strings.IndexByte("&|!=()/[]\\?", p.text[p.at]) < 0 {
		p.at++
	}
	if p.at == begin {
		return "", p.errorf("want %s", what)
	}
	return p.text[begin:p.at], nil
}
