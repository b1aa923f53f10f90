package onnx

import (
	"errors"
	"fmt"

	"assay/models/tensor"
)

// An opKey names an operator.
type opKey struct{ domain, op string }

// An inferFunc sets c's outputs from its inputs and attributes. It leaves
// unknown what it cannot say, and returns an error where operands cannot fit.
type inferFunc func(c *call) error

// table holds the operators by name; the infer_*.go files fill it.
var table = map[opKey]struct {
	min int // inputs that must be there
	f   inferFunc
}{}

// register adds operators of the default domain that f infers.
func register(min int, f inferFunc, names ...string) { registerIn("", min, f, names...) }

func registerIn(domain string, min int, f inferFunc, names ...string) {
	for _, name := range names {
		k := opKey{domain, name}
		if _, ok := table[k]; ok {
			panic(fmt.Sprintf("onnx: operator %s registered twice", name))
		}
		table[k] = struct {
			min int
			f   inferFunc
		}{min, f}
	}
}

// A call is one node with what is known of its inputs.
type call struct {
	*Node
	opset int64
	scope *inferrer // of the graph that the node is in
	in    []*value  // nil where omitted
	out   []value   // one per output name
}

// arg returns input i; where it is omitted, a value of which nothing is known.
func (c *call) arg(i int) *value {
	if c.has(i) {
		return c.in[i]
	}
	return &value{}
}

// has reports whether input i is given.
func (c *call) has(i int) bool { return i < len(c.in) && c.in[i] != nil }

// set says the type and shape of output i, if the node has so many.
func (c *call) set(i int, typ tensor.Type, ranked bool, shape []Dim) {
	if i < len(c.out) {
		c.out[i] = value{typ: typ, ranked: ranked, shape: shape}
	}
}

// data says the contents of output 0 as a vector, or as a scalar.
func (c *call) data(d []datum) {
	if len(c.out) > 0 && len(d) <= maxRank {
		c.out[0].data = d
	}
}

// ints returns v's contents where all are known.
func (v *value) ints() ([]int64, bool) {
	if v.data == nil {
		return nil, false
	}
	out := make([]int64, len(v.data))
	for i, d := range v.data {
		if !d.known {
			return nil, false
		}
		out[i] = d.v
	}
	return out, true
}

// dims returns v's contents as dimensions: unknown ones where they are not
// known or negative.
func (v *value) dims() []Dim {
	out := make([]Dim, len(v.data))
	for i, d := range v.data {
		switch {
		case d.known && d.v >= 0:
			out[i] = fixed(d.v)
		default:
			out[i] = Dim{Value: -1, Param: d.param}
		}
	}
	return out
}

// vector returns the length of v where v is a vector of known length.
func (v *value) vector() (int, error) {
	if !v.ranked || len(v.shape) != 1 || !v.shape[0].known() {
		return -1, nil
	}
	if n := v.shape[0].Value; n > maxRank {
		return -1, fmt.Errorf("a shape of %d dimensions", n)
	}
	return int(v.shape[0].Value), nil
}

func fixed(v int64) Dim { return Dim{Value: v} }

var unknown = Dim{Value: -1}

// known reports whether d is a fixed size.
func (d Dim) known() bool { return d.Param == "" && d.Value >= 0 }

// is reports whether d is known to be v.
func (d Dim) is(v int64) bool { return d.known() && d.Value == v }

// differs reports whether d and e are known and not equal.
func (d Dim) differs(e Dim) bool { return d.known() && e.known() && d.Value != e.Value }

// String returns the size, the parameter, or "?".
func (d Dim) String() string {
	switch {
	case d.Param != "":
		return d.Param
	case d.Value < 0:
		return "?"
	}
	return fmt.Sprint(d.Value)
}

// unknowns returns a shape of n unknown dimensions.
func unknowns(n int) []Dim {
	out := make([]Dim, n)
	for i := range out {
		out[i] = unknown
	}
	return out
}

// errLarge is the cause of every overflow in sizes.
var errLarge = errors.New("shape is too large")

// mul multiplies sizes.
func mul(a, b int64) (int64, error) {
	if b != 0 && a > tensor.MaxBytes/b {
		return 0, errLarge
	}
	return a * b, nil
}

// product returns the product of known dimensions, unknown if one is not.
func product(shape []Dim) (Dim, error) {
	n := int64(1)
	for _, d := range shape {
		if d.is(0) {
			return d, nil
		}
	}
	for i, d := range shape {
		if !d.known() {
			if rest, err := product(shape[i+1:]); err == nil && n == 1 && rest.is(1) {
				return d, nil // the only dimension that counts
			}
			return unknown, nil
		}
		var err error
		if n, err = mul(n, d.Value); err != nil {
			return unknown, err
		}
	}
	return fixed(n), nil
}

// maxAttr bounds sizes in attributes, so that sums of them cannot overflow.
const maxAttr = 1 << 40

// sizes returns an integer-list attribute of n elements between low and
// maxAttr; def each where it is absent; n −1 accepts any length.
func (c *call) sizes(name string, n int, low, def int64) ([]int64, error) {
	v := c.Ints(name, nil)
	if v == nil {
		out := make([]int64, max(n, 0))
		for i := range out {
			out[i] = def
		}
		return out, nil
	}
	if n >= 0 && len(v) != n {
		return nil, fmt.Errorf("attribute %q has %d elements, wants %d", name, len(v), n)
	}
	for _, x := range v {
		if x < low || x > maxAttr {
			return nil, fmt.Errorf("attribute %q: %d is out of range", name, x)
		}
	}
	return v, nil
}

// axis returns v as an axis of a tensor of the given rank: −1 is the last.
func axis(v int64, rank int) (int, error) {
	r := int64(rank)
	if v < -r || v >= r {
		return 0, fmt.Errorf("axis %d of a tensor with %d dimensions", v, rank)
	}
	if v < 0 {
		v += r
	}
	return int(v), nil
}

// axes returns a list of axes as a set.
func axes(list []int64, rank int) (map[int]bool, error) {
	out := make(map[int]bool, len(list))
	for _, v := range list {
		a, err := axis(v, rank)
		if err != nil {
			return nil, err
		}
		if out[a] {
			return nil, fmt.Errorf("axis %d is listed twice", v)
		}
		out[a] = true
	}
	return out, nil
}

// broadcast returns the shape of an elementwise operation (ONNX,
// Broadcasting.md: as NumPy's).
func broadcast(a, b []Dim) ([]Dim, error) {
	if len(a) < len(b) {
		a, b = b, a
	}
	out := append([]Dim{}, a...)
	off := len(a) - len(b)
	for i, y := range b {
		x := a[off+i]
		switch {
		case y.is(1) || x == y && x != unknown:
		case x.is(1):
			out[off+i] = y
		case x.known() && y.known():
			return nil, fmt.Errorf("shapes %v and %v do not broadcast", a, b)
		case x.known(): // y can only be x or 1
		case y.known():
			out[off+i] = y
		default:
			out[off+i] = unknown
		}
	}
	return out, nil
}
