package qgemm

import "encoding/binary"

// A Form is how a kernel reads the elements of A. Callers that copy them
// anyway, as a convolution does with its lines, bring them into it then.
type Form struct {
	Size     int  // bytes of an element: 1 for uint8 or int8, 2 for int16
	Together int  // elements that are read at once
	signed   bool // elements of one byte are int8
	// widen brings bytes into a form of two bytes; nil where Size is 1.
	widen func(dst, src []byte, signed bool, zero int32)
}

// FormFor returns the form of the kernels for n columns; nil where they read a
// Matrix only.
func FormFor(n int) *Form { return choose(n).form }

// Copy brings src, int8 where signed, into the form; dst holds Size bytes for
// each element.
func (f *Form) Copy(dst, src []byte, signed bool, zero int32) {
	switch {
	case f.Size == 2:
		f.widen(dst, src, signed, zero)
	case signed == f.signed:
		copy(dst, src)
	default:
		flip(dst, src)
	}
}

// flip adds 128 to int8, or takes it from uint8: the highest bit flips.
func flip(dst, src []byte) {
	const high = 0x8080808080808080
	q := 0
	for ; q+8 <= len(src); q += 8 {
		binary.LittleEndian.PutUint64(dst[q:], binary.LittleEndian.Uint64(src[q:])^high)
	}
	for ; q < len(src); q++ {
		dst[q] = src[q] ^ 0x80
	}
}

// Zero returns the zero point of elements that are in the form.
func (f *Form) Zero(signed bool, zero int32) int32 {
	switch {
	case f.Size == 2:
		return 0
	case signed == f.signed:
		return zero
	case signed:
		return zero + 128
	}
	return zero - 128
}

// Runs is a left factor in a kernel's form. Its rows begin Stride bytes apart
// and may overlap. A row is so many runs of equal length, which begin Skip
// bytes apart: the patch of a convolution is one run per line of the image.
type Runs struct {
	Data       []byte
	Stride     int
	Runs, Skip int
	Zero       int32 // as Form.Zero returns it
}

// MulRuns computes c = Σ (a − z)·b for m rows of a, of p.K elements each, in
// runs whose length is a multiple of Together, into c, rows ldc apart. p must
// have a form and no zero points. It does not allocate.
func (p *B) MulRuns(c []int32, ldc int, a Runs, m int) { p.v.runs(p, c, ldc, a, m) }

// Cut cuts p, which has a form and no zero points, into parts of whole panels
// that take at most so many bytes each, or one panel, as gemm's Cut does.
func (p *B) Cut(bytes int) []*B {
	v := p.v
	panel := v.nr * up(p.K, v.kr)
	step := v.nr * max(bytes/max(panel, 1), 1)
	var out []*B
	for j := 0; j < p.N; j += step {
		n := min(step, p.N-j)
		part := &B{K: p.K, N: n, v: v, data: p.data[j/v.nr*panel:][:up(n, v.nr)/v.nr*panel]}
		if p.sums != nil {
			part.sums = p.sums[j:][:n]
		}
		out = append(out, part)
	}
	return out
}
