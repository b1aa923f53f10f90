// Package qconv convolves 8-bit images in NHWC layout into int32, weights
// packed once beforehand. Results are exact while they fit int32.
package qconv

import (
	"fmt"

	"assay/bench/kernel/conv"
	"assay/bench/kernel/isa"
	"assay/bench/kernel/qgemm"
)

// An Input is an image of 8-bit activations with one zero point, which is
// also what padding holds.
type Input struct {
	Data   []byte
	Signed bool // the bytes are int8, not uint8
	Zero   int32
}

// A kernel computes the sums of output pixels [from, to) into y, Pixels × M.
type kernel func(c *Conv, y []int32, x Input, s *Scratch, from, to int)

// A variant is one implementation. takes says which shapes it is for.
type variant struct {
	name   string
	usable bool
	takes  func(s conv.Shape) bool
	pack   func(c *Conv, w []int8, zero []int32) // w in the order of conv.Order
	f      kernel
}

func always(conv.Shape) bool { return true }

// dense and depthwise list the implementations in this build, best first.
var (
	dense = []variant{
		{"gemm", true, always, packGroups, implicit},
		{"ref_1x1", true, always, packNone, ref},
	}
	depthwise = []variant{
		{"go_1xc", true, conv.Shape.Depthwise, packTaps, depthwiseRow},
		{"ref_1x1", true, conv.Shape.Depthwise, packNone, ref},
	}
)

// Table lists the variants for `assay kernels`.
func Table() []isa.Row {
	rows := isa.Rows("qconv.Int8", len(dense), func(i int) (string, bool) { return dense[i].name, dense[i].usable })
	return append(rows, isa.Rows("qconv.Depthwise", len(depthwise), func(i int) (string, bool) {
		return depthwise[i].name, depthwise[i].usable
	})...)
}

// A Conv is one convolution with its weights packed; read-only.
type Conv struct {
	conv.Shape
	v       *variant
	groups  []*qgemm.B
	weights []int8
	zero    []int32 // of each output channel; nil where all are 0
}

// New packs w, M × C/Groups × KH × KW as in ONNX. zero holds the zero point
// of every output channel's weights, or is nil where all are 0.
func New(s conv.Shape, w []int8, zero []int32) (*Conv, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	table := dense
	if s.Depthwise() {
		table = depthwise
	}
	for i := range table {
		if v := &table[i]; v.usable && v.takes(s) {
			return build(v, s, w, zero)
		}
	}
	return nil, fmt.Errorf("no kernel for a convolution of shape %+v", s) // ref takes every shape
}

func build(v *variant, s conv.Shape, w []int8, zero []int32) (*Conv, error) {
	if len(w) != s.M*s.K() || zero != nil && len(zero) != s.M {
		return nil, fmt.Errorf("convolution of shape %+v: %d weights and %d zero points, want %d and %d", s, len(w), len(zero), s.M*s.K(), s.M)
	}
	c := &Conv{Shape: s, v: v}
	v.pack(c, conv.Order(&s, w), zero)
	return c, nil
}

func packNone(c *Conv, w []int8, zero []int32) { c.weights, c.zero = w, zero }

func packTaps(c *Conv, w []int8, zero []int32) { c.weights, c.zero = conv.Taps(&c.Shape, w), zero }

func packGroups(c *Conv, w []int8, zero []int32) {
	mg := c.M / c.Groups
	n := c.K() * mg
	for g := range c.Groups {
		var z []int32
		if zero != nil {
			z = zero[g*mg:][:mg]
		}
		c.groups = append(c.groups, qgemm.Pack(w[g*n:][:n], c.K(), mg, false, z))
	}
}

// A Scratch is what one call of Run needs; each thread has its own.
type Scratch struct {
	Patches []byte  // PatchBytes
	Pairs   []int64 // PairsLen
}

// PatchBytes returns the length of Scratch.Patches.
func (c *Conv) PatchBytes() int {
	if c.groups == nil || c.Pointwise() {
		return 0
	}
	return c.PatchRows(1) * c.K()
}

// PairsLen returns the length of Scratch.Pairs.
func (c *Conv) PairsLen() int { return qgemm.ScratchLen(c.K()) }

// Bytes returns the size of the packed weights.
func (c *Conv) Bytes() int {
	n := len(c.weights) + 4*len(c.zero)
	for _, b := range c.groups {
		n += b.Bytes()
	}
	return n
}

// Run computes the sums Σ (x − zero)·(w − zero) of output pixels [from, to)
// into y, (to−from) × M. It does not allocate; parts may run at once.
func (c *Conv) Run(y []int32, x Input, s *Scratch, from, to int) { c.v.f(c, y, x, s, from, to) }

// implicit multiplies gathered patches with the packed weights.
func implicit(c *Conv, y []int32, x Input, s *Scratch, from, to int) {
	cg, mg := c.C/c.Groups, c.M/c.Groups
	a := qgemm.Matrix{Signed: x.Signed, Zero: x.Zero}
	if c.Pointwise() {
		for g, b := range c.groups {
			a.Data, a.Stride = x.Data[from*c.C+g*cg:], c.C
			b.Mul(y[g*mg:], c.M, a, to-from, s.Pairs)
		}
		return
	}
	a.Data, a.Stride = s.Patches, c.K()
	rows := c.PatchRows(1)
	for p := from; p < to; p += rows {
		q := min(p+rows, to)
		for g, b := range c.groups {
			conv.Gather(&c.Shape, s.Patches, x.Data, uint8(x.Zero), g, p, q)
			b.Mul(y[(p-from)*c.M+g*mg:], c.M, a, q-p, s.Pairs)
		}
	}
}
