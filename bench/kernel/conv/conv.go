// Package conv convolves float32 images in NHWC layout, weights packed once
// beforehand. Depthwise convolutions have kernels of their own.
package conv

import (
	"fmt"

	"assay/bench/kernel/gemm"
	"assay/bench/kernel/isa"
)

//go:generate go run ./asm/neon -out kernels_arm64.s -stubs kernels_arm64.go -pkg conv

// A kernel computes output pixels [from, to): y = x ∗ w, then the epilogue. scratch holds Scratch floats.
type kernel func(c *Conv, y, x, scratch []float32, ep *gemm.Epilogue, from, to int)

// A variant is one implementation. takes says which shapes it is for.
type variant struct {
	name    string
	usable  bool
	takes   func(s Shape) bool
	pack    func(c *Conv, w []float32) // w in the order of Order
	scratch func(c *Conv) int          // floats that one call of f needs
	f       kernel
}

func always(Shape) bool { return true }

// dense, pruned and depthwise list the implementations in this build, best
// first; New chooses the first row that is usable and takes the shape, of
// pruned where SparsePays.
var (
	pruned = []variant{{"planes", true, sparseable, packSparse, sparseScratch, overPlanes}}
	dense  = []variant{
		{"winograd", true, winogradable, packTiles, tileScratch, overTiles},
		{"gemm_lines", true, lineable, packLines, lineScratch, overLines},
		{"gemm", true, always, packGroups, patchScratch, implicit},
		{"ref_1x1", true, always, packNone, noScratch, ref},
	}
	depthwise = append(archDepthwise(),
		variant{"go_1xc", true, Shape.Depthwise, packTaps, noScratch, depthwiseRow},
		variant{"ref_1x1", true, Shape.Depthwise, packNone, noScratch, ref},
	)
)

// Table lists the variants for `assay kernels`.
func Table() []isa.Row {
	var rows []isa.Row
	for _, t := range []struct {
		operator string
		variants []variant
	}{{"conv.F32", dense}, {"conv.Sparse", pruned}, {"conv.Depthwise", depthwise}} {
		rows = append(rows, isa.Rows(t.operator, len(t.variants), func(i int) (string, bool) { return t.variants[i].name, t.variants[i].usable })...)
	}
	return rows
}

// A Conv is one convolution with its weights packed. It is read-only, so that
// threads may share it.
type Conv struct {
	Shape
	v       *variant
	groups  []*gemm.B // implicit: one packed K × M/Groups matrix per group; lines: parts of one
	sparse  *sparse
	weights []float32 // others: in the order of Order, or of Taps
}

// New packs w, M × C/Groups × KH × KW as in ONNX, for s.
func New(s Shape, w []float32) (*Conv, error) {
	if err := check(s, w); err != nil {
		return nil, err
	}
	table := dense
	switch {
	case s.Depthwise():
		table = depthwise
	case SparsePays(s, w):
		table = pruned
	}
	for i := range table {
		if v := &table[i]; v.usable && v.takes(s) {
			return build(v, s, w)
		}
	}
	return nil, fmt.Errorf("no kernel for a convolution of shape %+v", s) // ref takes every shape
}

// check reports a shape or weights that the kernels cannot take.
func check(s Shape, w []float32) error {
	if err := s.Check(); err != nil {
		return err
	}
	if len(w) != s.M*s.K() {
		return fmt.Errorf("convolution of shape %+v: %d weights, want %d", s, len(w), s.M*s.K())
	}
	return nil
}

func build(v *variant, s Shape, w []float32) (*Conv, error) {
	c := &Conv{Shape: s, v: v}
	v.pack(c, Order(&s, w))
	return c, nil
}

func noScratch(*Conv) int { return 0 }

func packNone(c *Conv, w []float32) { c.weights = w }

func packTaps(c *Conv, w []float32) { c.weights = Taps(&c.Shape, w) }

func packGroups(c *Conv, w []float32) {
	n := c.K() * c.M / c.Groups
	for g := range c.Groups {
		c.groups = append(c.groups, gemm.Pack(w[g*n:][:n], c.K(), c.M/c.Groups, false))
	}
}

// Scratch returns how many floats one call of Run needs.
func (c *Conv) Scratch() int { return c.v.scratch(c) }

// Bytes returns the size of the packed weights.
func (c *Conv) Bytes() int {
	n := 4 * len(c.weights)
	for _, b := range c.groups {
		n += b.Bytes()
	}
	if c.sparse != nil {
		n += c.sparse.Bytes()
	}
	return n
}

// Run computes output pixels [from, to) of Pixels: y = x ∗ w, then ep, whose
// Add has y's shape. It does not allocate; parts may run at once, each with
// its own scratch.
func (c *Conv) Run(y, x, scratch []float32, ep *gemm.Epilogue, from, to int) {
	c.v.f(c, y, x, scratch, ep, from, to)
}

// Sparse reports whether the kernel leaves out weights that are zero.
func (c *Conv) Sparse() bool { return c.sparse != nil }
