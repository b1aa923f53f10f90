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
	same(1, 1, 1, 1, 1, 1, 1, 1, 0, 1), same(2, 5, 4, 3, 5, 3, 1, 1, 1, 1), same(1, 9, 7, 4, 6, 3, 2, 1, 1, 2),
	same(1, 9, 9, 4, 8, 3, 1, 2, 2, 4), same(2, 6, 6, 5, 5, 3, 1, 1, 1, 5), same(1, 8, 8, 6, 4, 1, 2, 1, 0, 2),
	same(3, 4, 4, 6, 9, 1, 1, 1, 0, 3), same(1, 3, 3, 2, 2, 5, 1, 1, 2, 1),
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

func eachVariant(s conv.Shape, f func(v *variant)) {
	for _, table := range [][]variant{dense, depthwise} {
		for i := range table {
			if v := &table[i]; v.usable && v.takes(s) {
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
				eachVariant(s, func(v *variant) { check(t, v, s, x, w, z, want) })
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
	sc := &Scratch{make([]byte, c.PatchBytes()), make([]int64, c.PairsLen())}
	half := s.Pixels() / 2
	y := make([]int32, len(want)+1)
	y[len(want)] = guard
	c.Run(y[half*s.M:], x, sc, half, s.Pixels())
	c.Run(y, x, sc, 0, half)
	for i, v := range want {
		if y[i] != v {
			t.Fatalf("%s %+v signed %v zeros %v: y[%d] = %d, want %d", c.v.name, s, x.Signed, zero != nil, i, y[i], v)
		}
	}
	if y[len(want)] != guard {
		t.Fatalf("%s %+v: wrote beyond the end", c.v.name, s)
	}
	if n := testing.AllocsPerRun(1, func() { c.Run(y, x, sc, 0, half) }); n != 0 {
		t.Errorf("%s: Run allocates %v times", c.v.name, n)
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
		eachVariant(s, func(v *variant) {
			b.Run(fmt.Sprintf("impl=%s/hw=%d/c=%d/m=%d/k=%d/groups=%d", v.name, s.OH, s.C, s.M, s.KH, s.Groups), func(b *testing.B) {
				c, err := build(v, s, weights(s.M*s.K()), nil)
				if err != nil {
					b.Fatal(err)
				}
				x, y := Input{Data: random(s.N * s.H * s.W * s.C), Zero: 3}, make([]int32, s.Pixels()*s.M)
				sc := &Scratch{make([]byte, c.PatchBytes()), make([]int64, c.PairsLen())}
				for b.Loop() {
					c.Run(y, x, sc, 0, s.Pixels())
				}
				b.ReportMetric(2*float64(s.MACs())*float64(b.N)/b.Elapsed().Seconds()/1e9, "GOP/s")
			})
		})
	}
}
