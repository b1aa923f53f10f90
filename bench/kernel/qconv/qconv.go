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

// A kernel computes the sums of output pixels [from, to) into y, (to−from) × M.
type kernel func(c *Conv, y []int32, x Input, s *Scratch, from, to int)

// A variant is one implementation. takes says which shapes it is for, with or
// without zero points of the weights.
type variant struct {
	name   string
	usable bool
	takes  func(s conv.Shape, zeros bool) bool
	pack   func(c *Conv, w []int8, zero []int32) // w in the order of conv.Order
	bytes  func(c *Conv) int                     // of scratch that one call of f needs
	f      kernel
}

func always(conv.Shape, bool) bool { return true }

func isDepthwise(s conv.Shape, _ bool) bool { return s.Depthwise() }

// dense and depthwise list the implementations in this build, best first.
var (
	dense = []variant{
		{"gemm_lines", true, lineable, packLines, lineScratch, overLines},
		{"gemm", true, always, packGroups, patchScratch, implicit},
		{"ref_1x1", true, always, packNone, noScratch, ref},
	}
	depthwise = append(archDepthwise(),
		variant{"go_1xc", true, isDepthwise, packTaps, noScratch, depthwiseRow},
		variant{"ref_1x1", true, isDepthwise, packNone, noScratch, ref},
	)
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
	form    *qgemm.Form // lines: of the image
	groups  []*qgemm.B
	weights []int8
	zero    []int32 // of each output channel; nil where all are 0
	sums    []int32 // assembly: of each channel's weights; nil where it needs none
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
		if v := &table[i]; v.usable && v.takes(s, zero != nil) {
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

// A Scratch is what one call of Run needs; each thread has its own.
type Scratch struct {
	Bytes []byte  // BytesLen, aligned to 2
	Pairs []int64 // PairsLen
	Sums  []int32 // SumsLen

	first, end, last int // lines: those prepared, and behind the last that Run needs
}

// BytesLen returns the length of Scratch.Bytes, a multiple of a cache line.
func (c *Conv) BytesLen() int { return (c.v.bytes(c) + 63) &^ 63 }

// PairsLen returns the length of Scratch.Pairs.
func (c *Conv) PairsLen() int { return qgemm.ScratchLen(c.K()) }

// SumsLen returns the length of Scratch.Sums.
func (c *Conv) SumsLen() int { return c.block() * c.M }

// block returns how many pixels are computed and finished at once: 16 KiB of
// sums, half of an L1 cache, in whole lines where they fit; more where every
// block reads the parts of large weights anew. Depthwise kernels move along
// lines, so that theirs are cut only where one does not fit a cache.
func (c *Conv) block() int {
	n := max(4096/c.M, 24)
	if c.Depthwise() {
		n = max(4096/c.M, c.OW/((c.OW*c.M+8191)/8192))
	}
	if len(c.groups) > 1 && c.Groups == 1 {
		n *= 8
	}
	if n > c.OW {
		n -= n % c.OW
	}
	return min(n, c.Pixels())
}

// Bytes returns the size of the packed weights.
func (c *Conv) Bytes() int {
	n := len(c.weights) + 4*len(c.zero) + 4*len(c.sums)
	for _, b := range c.groups {
		n += b.Bytes()
	}
	return n
}

// Run computes the sums Σ (x − zero)·(w − zero) of output pixels [from, to),
// some at a time, and hands them to done while they are in cache: (q−p) × M of
// the pixels from p on. It does not allocate; parts may run at once.
func (c *Conv) Run(x Input, s *Scratch, from, to int, done func(sums []int32, p int)) {
	s.first, s.end, s.last = 0, 0, to
	block := c.block()
	for p := from; p < to; p += block {
		q := min(p+block, to)
		sums := s.Sums[:(q-p)*c.M]
		c.v.f(c, sums, x, s, p, q)
		done(sums, p)
	}
}
