package native

import (
	"math"
	"slices"
	"sync/atomic"
	"testing"

	"assay/bench/kernel/pool"
	"assay/models/onnx"
	"assay/models/tensor"
)

// opsOf lists the operators of m after the passes.
func opsOf(t *testing.T, m *onnx.Model) []string {
	t.Helper()
	g, err := load(m, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.optimize(); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, n := range g.nodes {
		out = append(out, n.op)
	}
	return out
}

// TestGelu: each order of the factors becomes one operator; another constant,
// or another reader of what is between, does not.
func TestGelu(t *testing.T) {
	x := tensor.From(tensor.Float32, []float32{-3, -0.5, 0, 0.25, 1, 4}, 2, 3)
	var want []float64
	for _, v := range tensor.Of[float32](x) {
		want = append(want, float64(v)*0.5*math.Erfc(-float64(v)/math.Sqrt2))
	}
	start := func() *modelBuilder {
		return newModel().input("x", x).constant("r", scalar(math.Sqrt2)).constant("i", scalar(math.Sqrt2/2)).constant("one", scalar(1)).constant("half", scalar(0.5)).constant("two", scalar(2))
	}
	erf := func(b *modelBuilder) *modelBuilder {
		return b.node("Erf", []string{"d"}, []string{"e"}).node("Add", []string{"one", "e"}, []string{"a"})
	}
	div := func() *modelBuilder { return erf(start().node("Div", []string{"x", "r"}, []string{"d"})) }
	mul := func() *modelBuilder { return erf(start().node("Mul", []string{"i", "x"}, []string{"d"})) }
	for name, m := range map[string]*onnx.Model{
		"(x·sum)·½": div().node("Mul", []string{"x", "a"}, []string{"m"}).node("Mul", []string{"m", "half"}, []string{"y"}).output("y"),
		"(x·½)·sum": mul().node("Mul", []string{"half", "x"}, []string{"m"}).node("Mul", []string{"m", "a"}, []string{"y"}).output("y"),
		"(sum·½)·x": mul().node("Mul", []string{"a", "half"}, []string{"m"}).node("Mul", []string{"m", "x"}, []string{"y"}).output("y"),
	} {
		near(t, name, run(t, m, 1, x)[0], want)
		if got := opsOf(t, m); !slices.Equal(got, []string{"Gelu"}) {
			t.Errorf("%s became %v", name, got)
		}
	}
	for i := range want {
		want[i] *= 4
	}
	m := div().node("Mul", []string{"x", "a"}, []string{"m"}).node("Mul", []string{"m", "two"}, []string{"y"}).output("y")
	near(t, "doubled", run(t, m, 1, x)[0], want)
	if got := opsOf(t, m); slices.Contains(got, "Gelu") {
		t.Errorf("doubled became %v", got)
	}
	m = div().node("Mul", []string{"x", "a"}, []string{"m"}).node("Mul", []string{"m", "half"}, []string{"y"}).output("y", "e")
	near(t, "read twice", run(t, m, 1, x)[1], []float64{math.Erf(-3 / math.Sqrt2), math.Erf(-0.5 / math.Sqrt2), 0, math.Erf(0.25 / math.Sqrt2), math.Erf(1 / math.Sqrt2), math.Erf(4 / math.Sqrt2)})
}

// TestAttention compares the fused operator with the operators one by one,
// which stay where the probabilities are an output too: more rows than a block
// has, queries of another number than keys, masks of both forms and none.
func TestAttention(t *testing.T) {
	q, k, v := f32(1, 2, 3, 37, 8), f32(0.5, 2, 3, 8, 19), f32(2, 2, 3, 19, 5)
	for name, mask := range map[string][]int{"no mask": nil, "one row": {1, 1, 1, 19}, "a row each": {2, 1, 1, 19}, "a vector": {19}, "another each row": {1, 1, 37, 19}} {
		build := func(outs ...string) *onnx.Model {
			b := newModel().input("q", q).input("k", k).input("v", v).constant("s", scalar(3)).
				node("MatMul", []string{"q", "k"}, []string{"m"}).node("Div", []string{"m", "s"}, []string{"d"})
			last := "d"
			if mask != nil {
				last = "a"
				b.constant("mask", f32(4, mask...)).node("Add", []string{"mask", "d"}, []string{"a"})
			}
			return b.node("Softmax", []string{last}, []string{"p"}, onnx.IntAttr("axis", -1)).
				node("MatMul", []string{"p", "v"}, []string{"y"}).output(outs...)
		}
		if got, fused := opsOf(t, build("y")), name != "another each row"; slices.Equal(got, []string{"Attention"}) != fused {
			t.Errorf("%s became %v", name, got)
		}
		want, err := run(t, build("y", "p"), 1, q, k, v)[0].Floats()
		if err != nil {
			t.Fatal(err)
		}
		for _, threads := range []int{1, 4} {
			near(t, name, run(t, build("y"), threads, q, k, v)[0], want)
		}
	}
}

// TestAttentionMatrix: without heads, a mask for each row is none for all.
func TestAttentionMatrix(t *testing.T) {
	q, k, v := f32(1, 4, 3), f32(1, 3, 4), f32(1, 4, 2)
	m := newModel().input("q", q).input("k", k).input("v", v).constant("mask", f32(1, 4, 4)).
		node("MatMul", []string{"q", "k"}, []string{"m"}).node("Add", []string{"m", "mask"}, []string{"a"}).
		node("Softmax", []string{"a"}, []string{"p"}).node("MatMul", []string{"p", "v"}, []string{"y"}).output("y")
	if got := opsOf(t, m); slices.Contains(got, "Attention") {
		t.Errorf("it became %v", got)
	}
	run(t, m, 1, q, k, v)
}

// TestParallel: work that is less than waking a thread is not split.
func TestParallel(t *testing.T) {
	b := &builder{pool: pool.New(4)}
	defer b.pool.Close()
	for _, c := range []struct {
		limit int
		work  int64
		want  int
	}{{100, 0, 1}, {100, leastPart - 1, 1}, {100, leastPart, 2}, {100, 1 << 40, 4}, {3, 1 << 40, 3}, {1, 1 << 40, 1}} {
		var parts atomic.Int64
		b.parallel(c.limit, c.work, func(int, int) { parts.Add(1) })
		b.steps[len(b.steps)-1].run()
		if int(parts.Load()) != c.want {
			t.Errorf("work %d in at most %d parts: %d ran, want %d", c.work, c.limit, parts.Load(), c.want)
		}
	}
}
