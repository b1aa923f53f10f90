package qconv

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"assay/bench/kernel/conv"
)

func random(n int) []byte {
	r := rand.New(rand.NewPCG(5, uint64(n)))
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(r.Uint32())
	}
	return out
}

func weights(n int) []int8 {
	out := make([]int8, n)
	for i, v := range random(n + 1)[1:] {
		out[i] = int8(v)
	}
	return out
}

func same(n, h, w, c, m, k, stride, dil, pad, groups int) conv.Shape {
	size := func(in int) int { return (in+2*pad-dil*(k-1)-1)/stride + 1 }
	return conv.Shape{
		N: n, H: h, W: w, C: c, M: m, OH: size(h), OW: size(w), KH: k, KW: k,
		SH: stride, SW: stride, DH: dil, DW: dil, Top: pad, Left: pad, Groups: groups,
	}
}

// layers are those of ResNet-8 and mobilenetv2-mini at 28×28.
var layers = []conv.Shape{
	same(1, 28, 28, 1, 16, 3, 1, 1, 1, 1), same(1, 28, 28, 16, 16, 3, 1, 1, 1, 1), same(1, 7, 7, 64, 64, 3, 1, 1, 1, 1),
	same(1, 14, 14, 96, 24, 1, 1, 1, 0, 1), same(1, 28, 28, 48, 48, 3, 2, 1, 1, 48), same(1, 7, 7, 192, 192, 3, 1, 1, 1, 192),
}

var edges = []conv.Shape{
	same(1, 4, 7, 96, 320, 3, 1, 1, 1, 1), // weights in two parts
	same(1, 1, 1, 1, 1, 1, 1, 1, 0, 1), same(2, 5, 4, 3, 5, 3, 1, 1, 1, 1), same(1, 9, 7, 4, 6, 3, 2, 1, 1, 2),
	same(1, 9, 9, 4, 8, 3, 1, 2, 2, 4), same(2, 6, 6, 5, 5, 3, 1, 1, 1, 5), same(1, 8, 8, 6, 4, 1, 2, 1, 0, 2),
	same(3, 4, 4, 6, 9, 1, 1, 1, 0, 3), same(1, 3, 3, 2, 2, 5, 1, 1, 2, 1),
	same(1, 7, 7, 6, 6, 3, 2, 2, 1, 6), same(1, 11, 19, 17, 17, 5, 1, 1, 2, 17), same(1, 9, 21, 33, 33, 3, 2, 1, 1, 33),
	same(2, 7, 13, 24, 24, 3, 1, 2, 2, 24), same(2, 2, 3, 7, 7, 5, 1, 1, 2, 7), same(1, 1, 40, 16, 16, 3, 1, 1, 1, 16),
	same(1, 6, 12, 8, 8, 3, 1, 4, 4, 8), same(2, 13, 11, 5, 33, 3, 2, 2, 3, 1), same(1, 70, 40, 16, 20, 3, 1, 1, 1, 1),
	{N: 1, H: 5, W: 6, C: 2, M: 3, OH: 4, OW: 6, KH: 2, KW: 3, SH: 1, SW: 1, DH: 1, DW: 1, Left: 1, Groups: 1},
	{N: 1, H: 4, W: 4, C: 3, M: 3, OH: 3, OW: 4, KH: 2, KW: 2, SH: 1, SW: 1, DH: 1, DW: 1, Left: 1, Groups: 3},
}

// direct is an independent sum; w is M × C/Groups × KH × KW.
func direct(s conv.Shape, x Input, w []int8, zero []int32) []int32 {
	cg, mg := s.C/s.Groups, s.M/s.Groups
	y := make([]int32, s.Pixels()*s.M)
	for i := range y {
		m, p := i%s.M, i/s.M
		ox, oy, n := p%s.OW, p/s.OW%s.OH, p/(s.OW*s.OH)
		for c := range cg {
			for t := range s.KH * s.KW {
				iy, ix := oy*s.SH+t/s.KW*s.DH-s.Top, ox*s.SW+t%s.KW*s.DW-s.Left
				if iy < 0 || iy >= s.H || ix < 0 || ix >= s.W {
					continue
				}
				b := x.Data[((n*s.H+iy)*s.W+ix)*s.C+m/mg*cg+c]
				v := int32(b)
				if x.Signed {
					v = int32(int8(b))
				}
				u := int32(w[(m*cg+c)*s.KH*s.KW+t])
				if zero != nil {
					u -= zero[m]
				}
				y[i] += (v - x.Zero) * u
			}
		}
	}
	return y
}

func eachVariant(s conv.Shape, zeros bool, f func(v *variant)) {
	for _, table := range [][]variant{dense, depthwise} {
		for i := range table {
			if v := &table[i]; v.usable && v.takes(s, zeros) {
				f(v)
			}
		}
	}
}

func TestVariants(t *testing.T) {
	for _, s := range append(edges, layers...) {
		w := weights(s.M * s.K())
		zero := make([]int32, s.M)
		for i := range zero {
			zero[i] = int32(i%5 - 2)
		}
		for _, x := range []Input{{Data: random(s.N * s.H * s.W * s.C), Zero: 200}, {Data: random(s.N * s.H * s.W * s.C), Signed: true, Zero: -7}} {
			for _, z := range [][]int32{nil, zero} {
				want := direct(s, x, w, z)
				eachVariant(s, z != nil, func(v *variant) { check(t, v, s, x, w, z, want) })
			}
		}
	}
}

func check(t *testing.T, v *variant, s conv.Shape, x Input, w []int8, zero, want []int32) {
	t.Helper()
	c, err := build(v, s, w, zero)
	if err != nil {
		t.Fatal(err)
	}
	const guard = 0x1234567
	bytes, sums := c.BytesLen(), c.SumsLen()
	sc := &Scratch{Bytes: make([]byte, bytes+1), Pairs: make([]int64, c.PairsLen()), Sums: make([]int32, sums+1)}
	sc.Bytes[bytes], sc.Sums[sums] = 77, guard
	got := make([]int32, len(want))
	done := func(sums []int32, p int) { copy(got[p*s.M:], sums) }
	half := s.Pixels() / 2
	c.Run(x, sc, half, s.Pixels(), done)
	c.Run(x, sc, 0, half, done)
	for i, v := range want {
		if got[i] != v {
			t.Fatalf("%s %+v signed %v zeros %v: y[%d] = %d, want %d", c.v.name, s, x.Signed, zero != nil, i, got[i], v)
		}
	}
	if sc.Bytes[bytes] != 77 || sc.Sums[sums] != guard {
		t.Fatalf("%s %+v: wrote beyond its scratch", c.v.name, s)
	}
	if n := testing.AllocsPerRun(1, func() { c.Run(x, sc, 0, half, done) }); n != 0 {
		t.Errorf("%s: Run allocates %v times", c.v.name, n)
	}
}

// TestExtremes puts the extremes everywhere: no pair of products saturates.
func TestExtremes(t *testing.T) {
	for _, groups := range []int{1, 16} {
		s := same(1, 5, 5, 16, 16, 5, 1, 1, 2, groups)
		w := make([]int8, s.M*s.K())
		for i := range w {
			w[i] = -128
		}
		for _, x := range []Input{{Data: make([]byte, 400), Zero: 255}, {Data: make([]byte, 400), Signed: true, Zero: -128}} {
			for i := range x.Data {
				x.Data[i] = byte(x.Zero) ^ 0xFF // 0 for 255, 127 for −128
			}
			want := direct(s, x, w, nil)
			eachVariant(s, false, func(v *variant) { check(t, v, s, x, w, nil, want) })
		}
	}
}

func TestNewRefuses(t *testing.T) {
	s := same(1, 4, 4, 2, 2, 3, 1, 1, 1, 1)
	if _, err := New(s, make([]int8, 35), nil); err == nil {
		t.Error("too few weights: no error")
	}
	if _, err := New(s, make([]int8, 36), make([]int32, 3)); err == nil {
		t.Error("too many zero points: no error")
	}
	s.SW = 0
	if _, err := New(s, make([]int8, 36), nil); err == nil {
		t.Error("stride 0: no error")
	}
}

func BenchmarkInt8(b *testing.B) {
	for _, s := range layers {
		eachVariant(s, false, func(v *variant) {
			b.Run(fmt.Sprintf("impl=%s/hw=%d/c=%d/m=%d/k=%d/groups=%d", v.name, s.OH, s.C, s.M, s.KH, s.Groups), func(b *testing.B) {
				c, err := build(v, s, weights(s.M*s.K()), nil)
				if err != nil {
					b.Fatal(err)
				}
				x := Input{Data: random(s.N * s.H * s.W * s.C), Zero: 3}
				sc := &Scratch{Bytes: make([]byte, c.BytesLen()), Pairs: make([]int64, c.PairsLen()), Sums: make([]int32, c.SumsLen())}
				for b.Loop() {
					c.Run(x, sc, 0, s.Pixels(), func([]int32, int) {})
				}
				b.ReportMetric(2*float64(s.MACs())*float64(b.N)/b.Elapsed().Seconds()/1e9, "GOP/s")
			})
		})
	}
}
