package ew

import (
	"bytes"
	"math"
	"testing"
)

// index returns the element of an operand of the given shape that belongs to
// index i of a broadcast shape.
func index(i int, out, shape []int) int {
	at, step := 0, 1
	for d := len(out) - 1; d >= 0; d-- {
		if j := d - len(out) + len(shape); j >= 0 {
			if shape[j] != 1 {
				at += i % out[d] * step
			}
			step *= shape[j]
		}
		i /= out[d]
	}
	return at
}

func iota32(n int) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(i*5%13) - 4
	}
	return out
}

func size(s []int) int {
	n := 1
	for _, d := range s {
		n *= d
	}
	return n
}

func TestZip(t *testing.T) {
	for _, c := range [][3][]int{
		{{2, 3}, {2, 3}, {2, 3}},
		{{2, 3}, {3}, {2, 3}},
		{{2, 3}, {2, 1}, {2, 3}},
		{{1, 3}, {2, 1}, {2, 3}},
		{{}, {}, {}},
		{{2, 3, 4, 5}, {3, 1, 1}, {2, 3, 4, 5}},
		{{2, 1, 4, 1}, {3, 1, 5}, {2, 3, 4, 5}},
		{{7}, {}, {7}},
		{{2, 3, 1}, {1, 3, 1}, {2, 3, 1}},
		{{0, 3}, {3}, {0, 3}},
	} {
		a, b := iota32(size(c[0])), iota32(size(c[1]) + 3)[3:]
		r := NewBroadcast(c[2], c[0], c[1])
		for op, f := range map[Op]func(x, y float32) float32{
			Add: func(x, y float32) float32 { return x + y }, Sub: func(x, y float32) float32 { return x - y },
			Mul: func(x, y float32) float32 { return x * y }, Div: func(x, y float32) float32 { return x / y },
		} {
			y := make([]float32, size(c[2]))
			for range 2 { // a plan can be used again
				Zip(r, op, y, a, b)
			}
			for i := range y {
				want := f(a[index(i, c[2], c[0])], b[index(i, c[2], c[1])])
				if y[i] != want && !(math.IsNaN(float64(want)) && math.IsNaN(float64(y[i]))) {
					t.Fatalf("%v, op %d: y[%d] = %v, want %v", c, op, i, y[i], want)
				}
			}
		}
	}
	y := make([]int64, 2)
	Zip(NewBroadcast([]int{2}, []int{2}, []int{2}), Div, y, []int64{-7, 7}, []int64{2, 0})
	if y[0] != -3 || y[1] != 0 {
		t.Errorf("integer division gives %v", y)
	}
}

func TestMap(t *testing.T) {
	nan := float32(math.NaN())
	y := make([]float32, 4)
	Map(y, []float32{-2, 0.5, 9, nan}, Clamp(-1, 6))
	if y[0] != -1 || y[1] != 0.5 || y[2] != 6 || y[3] == y[3] {
		t.Errorf("got %v", y)
	}
	if HardSigmoid(0.2, 0.5).At(-9) != 0 || HardSigmoid(0.2, 0.5).At(9) != 1 || HardSwish.At(3) != 3 || LeakyRelu(0.1).At(-10) != -1 {
		t.Error("an activation is wrong")
	}
	if Sigmoid.At(-200) != 0 || Sigmoid.At(200) != 1 || Tanh.At(0) != 0 {
		t.Error("an activation overflows")
	}
	Map(y, []float32{1, 2, 3, 4}, Of(func(v float32) float32 { return 2 * v }))
	if y[3] != 8 {
		t.Errorf("got %v", y)
	}
}

func TestSoftmax(t *testing.T) {
	x, y := []float32{1000, 1000, -1000, 0, 0, 0}, make([]float32, 6)
	Softmax(y, x, 3, false)
	for i, want := range []float32{0.5, 0.5, 0, 1. / 3, 1. / 3, 1. / 3} {
		if math.Abs(float64(y[i]-want)) > 1e-7 {
			t.Errorf("y[%d] = %v, want %v", i, y[i], want)
		}
	}
	Softmax(y, x, 3, true)
	if math.Abs(float64(y[0])+math.Ln2) > 1e-6 || y[2] > -1999 || math.IsInf(float64(y[2]), 0) {
		t.Errorf("logarithms %v", y)
	}
}

// TestMove transposes, slices backwards and writes into a larger tensor, for
// every size of element.
func TestMove(t *testing.T) {
	for _, size := range []int{1, 2, 4, 8} {
		src := make([]byte, 2*3*4*size)
		for i := range src {
			src[i] = byte(i)
		}
		el := func(i int) []byte { return src[i*size:][:size] }
		dst := make([]byte, len(src))
		// [2,3,4] → [4,2,3]
		NewMove(size, []int{4, 2, 3}, Contiguous([]int{4, 2, 3}), []int{1, 12, 4}, 0, 0).Run(dst, src)
		for i := range 4 {
			for j := range 2 {
				for k := range 3 {
					if !bytes.Equal(dst[((i*2+j)*3+k)*size:][:size], el((j*3+k)*4+i)) {
						t.Fatalf("size %d: transposed [%d,%d,%d]", size, i, j, k)
					}
				}
			}
		}
		// The last row of 4, backwards, into the middle of 6.
		m := NewMove(size, []int{4}, []int{1}, []int{-1}, 1, 23)
		out := make([]byte, 6*size)
		m.Run(out, src)
		for i := range 4 {
			if !bytes.Equal(out[(1+i)*size:][:size], el(23-i)) {
				t.Fatalf("size %d: reversed %d", size, i)
			}
		}
		NewMove(size, []int{2, 3, 4}, Contiguous([]int{2, 3, 4}), Contiguous([]int{2, 3, 4}), 0, 0).Run(dst, src)
		if !bytes.Equal(dst, src) {
			t.Fatalf("size %d: a plain copy differs", size)
		}
		NewMove(size, []int{2, 0}, []int{0, 1}, []int{0, 1}, 0, 0).Run(nil, nil)
		if n := testing.AllocsPerRun(5, func() { m.Run(out, src) }); n != 0 {
			t.Errorf("Run allocates %v times", n)
		}
	}
}
