package native

import (
	"errors"
	"strings"
	"testing"

	"assay/models/onnx"
	"assay/models/tensor"
)

func truths(v ...uint8) tensor.Tensor { return tensor.From(tensor.Bool, v) }

// body makes a graph for a node: typed inputs, nodes by b, named outputs.
func body(in []onnx.ValueInfo, b *modelBuilder, out ...string) *onnx.Graph {
	g := b.output(out...).Graph
	g.Inputs = in
	return g
}

func declared(typ tensor.Type, names ...string) []onnx.ValueInfo {
	var out []onnx.ValueInfo
	for _, n := range names {
		out = append(out, onnx.ValueInfo{Name: n, Type: typ})
	}
	return out
}

// loopInputs are those of a Loop's body: iteration, condition, states.
func loopInputs(states ...string) []onnx.ValueInfo {
	return append(append(declared(tensor.Int64, "i"), declared(tensor.Bool, "c")...), declared(tensor.Float32, states...)...)
}

// TestIf: the branch is taken at run time; both read values around them, one
// of them a weight, and their results are used further.
func TestIf(t *testing.T) {
	x, w := f32(1, 2, 3), f32(1, 3, 3)
	product := body(nil, newModel().node("MatMul", []string{"x", "w"}, []string{"p"}), "p")
	twice := body(nil, newModel().node("Add", []string{"x", "x"}, []string{"q"}), "q")
	m := newModel().input("x", x).input("cond", truths(1)).constant("w", w).
		node("If", []string{"cond"}, []string{"z"}, onnx.GraphAttr("then_branch", product), onnx.GraphAttr("else_branch", twice)).
		node("Neg", []string{"z"}, []string{"y"}).output("y")
	var then, other []float64
	xs, ws := tensor.Of[float32](x), tensor.Of[float32](w)
	for i := range 2 {
		for j := range 3 {
			s := float64(0)
			for k := range 3 {
				s -= float64(xs[i*3+k]) * float64(ws[k*3+j])
			}
			then, other = append(then, s), append(other, -2*float64(xs[i*3+j]))
		}
	}
	for _, threads := range []int{1, 2} {
		near(t, "then", run(t, m, threads, x, truths(1))[0], then)
		near(t, "else", run(t, m, threads, x, truths(0))[0], other)
	}
	// A constant condition plans one branch: the other may be of another shape.
	m.Graph.Inputs = m.Graph.Inputs[:1]
	m.Graph.AddInitializer("cond", truths(0))
	m.Graph.Nodes[0].Attrs[0].G = body(nil, newModel().node("Transpose", []string{"x"}, []string{"p"}), "p")
	near(t, "constant", run(t, m, 1, x)[0], other)
}

// TestLoop: a state, what is collected, a value around it and the iteration's
// number: sᵢ₊₁ = 2·sᵢ + x, and i·x is collected.
func TestLoop(t *testing.T) {
	x := tensor.From(tensor.Float32, []float32{1, -3}, 2)
	b := newModel().constant("two", scalar(2)).
		node("Mul", []string{"s", "two"}, []string{"d"}).node("Add", []string{"d", "x"}, []string{"t"}).
		node("Cast", []string{"i"}, []string{"f"}, onnx.IntAttr("to", int64(tensor.Float32))).node("Mul", []string{"f", "x"}, []string{"k"}).
		node("Identity", []string{"c"}, []string{"on"})
	m := newModel().input("x", x).constant("n", one(tensor.Int64, int64(3))).constant("zero", tensor.New(tensor.Float32, 2)).
		node("Loop", []string{"n", "", "zero"}, []string{"y", "all"}, onnx.GraphAttr("body", body(loopInputs("s"), b, "on", "t", "k"))).output("y", "all")
	out := run(t, m, 1, x)
	near(t, "state", out[0], []float64{7, -21}) // (2³−1)·x
	near(t, "collected", out[1], []float64{0, 0, 1, -3, 2, -6})

	// The same without a number of iterations, until the state passes a limit.
	b = newModel().node("Add", []string{"s", "x"}, []string{"t"}).constant("q", ints(0)).
		node("ReduceMax", []string{"t"}, []string{"h"}, onnx.IntAttr("keepdims", 0)).
		node("Less", []string{"h", "limit"}, []string{"on"})
	m = newModel().input("x", x).input("limit", scalar(4.5)).constant("zero", tensor.New(tensor.Float32, 2)).
		node("Loop", []string{"", "", "zero"}, []string{"y"}, onnx.GraphAttr("body", body(loopInputs("s"), b, "on", "t"))).output("y")
	near(t, "condition", run(t, m, 1, x, scalar(4.5))[0], []float64{5, -15})
	near(t, "another", run(t, m, 1, x, scalar(-7))[0], []float64{1, -3})
}

// TestLoopUnsupported: what would not have a fixed size is refused by name.
func TestLoopUnsupported(t *testing.T) {
	x := f32(1, 2)
	grows := newModel().node("Concat", []string{"s", "x"}, []string{"t"}, onnx.IntAttr("axis", 0)).node("Identity", []string{"c"}, []string{"on"})
	collects := newModel().node("Add", []string{"s", "x"}, []string{"t"}).node("Not", []string{"c"}, []string{"on"})
	for want, m := range map[string]*onnx.Model{
		"is not fixed": newModel().input("x", x).constant("n", one(tensor.Int64, int64(3))).
			node("Loop", []string{"n", "", "x"}, []string{"y"}, onnx.GraphAttr("body", body(loopInputs("s"), grows, "on", "t"))).output("y"),
		"dimension 0": newModel().input("x", x).constant("n", one(tensor.Int64, int64(3))).
			node("Loop", []string{"n", "", "x"}, []string{"a", "y"}, onnx.GraphAttr("body", body(loopInputs("s"), collects, "on", "t", "t"))).output("y"),
		"operator NoSuch": newModel().input("x", x).
			node("Loop", []string{"", "", "x"}, []string{"y"}, onnx.GraphAttr("body", body(loopInputs("s"), newModel().node("NoSuch", []string{"s"}, []string{"t"}), "c", "t"))).output("y"),
	} {
		if _, err := newSession(m, 1, 1); !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// TestScan: running sums along the second axis from its end, stacked along the
// last axis, and the last sum.
func TestScan(t *testing.T) {
	x := tensor.From(tensor.Float32, []float32{1, 2, 3, 4, 5, 6}, 2, 3)
	b := newModel().node("Add", []string{"s", "v"}, []string{"t"}).node("Identity", []string{"t"}, []string{"u"})
	scan := func(back int64) *onnx.Model {
		return newModel().input("x", x).constant("zero", tensor.New(tensor.Float32, 2)).
			node("Scan", []string{"zero", "x"}, []string{"last", "all"}, onnx.GraphAttr("body", body(declared(tensor.Float32, "s", "v"), b, "t", "u")),
				onnx.IntAttr("num_scan_inputs", 1), onnx.IntsAttr("scan_input_axes", 1), onnx.IntsAttr("scan_input_directions", 1),
				onnx.IntsAttr("scan_output_axes", -1), onnx.IntsAttr("scan_output_directions", back)).output("last", "all")
	}
	out := run(t, scan(0), 1, x)
	b = newModel().node("Add", []string{"s", "v"}, []string{"t"}).node("Identity", []string{"t"}, []string{"u"})
	near(t, "last", out[0], []float64{6, 15})
	near(t, "all", out[1], []float64{3, 5, 6, 6, 11, 15})
	near(t, "backwards", run(t, scan(1), 1, x)[1], []float64{6, 5, 3, 15, 11, 6})
}

// TestNested: an If in a Loop, whose branch reads the state of the loop and a
// value outside of both; the loop in constants alone is computed beforehand.
func TestNested(t *testing.T) {
	x := tensor.From(tensor.Float32, []float32{1, 2}, 2)
	add := body(nil, newModel().node("Add", []string{"s", "x"}, []string{"p"}), "p")
	sub := body(nil, newModel().node("Sub", []string{"s", "x"}, []string{"q"}), "q")
	loop := func() *onnx.Graph {
		return body(loopInputs("s"), newModel().constant("two", one(tensor.Int64, int64(2))).
			node("Less", []string{"i", "two"}, []string{"early"}).
			node("If", []string{"early"}, []string{"t"}, onnx.GraphAttr("then_branch", add), onnx.GraphAttr("else_branch", sub)), "c", "t")
	}
	m := newModel().input("x", x).constant("n", one(tensor.Int64, int64(5))).
		node("Loop", []string{"n", "", "x"}, []string{"y"}, onnx.GraphAttr("body", loop())).output("y")
	near(t, "nested", run(t, m, 2, x)[0], []float64{0, 0}) // x·(1 + 2 − 3)
	m = newModel().input("z", x).constant("x", x).constant("n", one(tensor.Int64, int64(4))).
		node("Loop", []string{"n", "", "x"}, []string{"u"}, onnx.GraphAttr("body", loop())).node("Add", []string{"u", "z"}, []string{"y"}).output("y")
	near(t, "constant", run(t, m, 1, x)[0], []float64{2, 4}) // x·(1 + 2 − 2) + z
	g, err := load(m, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.optimize(); err != nil || len(g.nodes) != 1 {
		t.Errorf("%v, left:\n%s", err, g)
	}
}

// TestBlocks: a scale for each block of two along either axis, of which the
// last is not full, and 16-bit integers; worked out by hand.
func TestBlocks(t *testing.T) {
	q := tensor.From(tensor.Int8, []int8{1, 2, 3, 4, 5, 6}, 2, 3)
	block := []onnx.Attr{onnx.IntAttr("axis", 1), onnx.IntAttr("block_size", 2)}
	m := newModel().input("q", q).constant("s", fs([]int{2, 2}, 1, 2, 0.5, 4)).constant("z", tensor.From(tensor.Int8, []int8{1, 0, 0, 2}, 2, 2)).
		node("DequantizeLinear", []string{"q", "s", "z"}, []string{"y"}, block...).output("y")
	near(t, "last axis", run(t, m, 1, q)[0], []float64{0, 1, 6, 2, 2.5, 16})
	m = newModel().input("q", q).constant("s", fs([]int{1, 3}, 1, 2, 0.5)).
		node("DequantizeLinear", []string{"q", "s"}, []string{"y"}, onnx.IntAttr("axis", 0), onnx.IntAttr("block_size", 2)).output("y")
	near(t, "first axis", run(t, m, 1, q)[0], []float64{1, 4, 1.5, 4, 10, 3})
	x := fs([]int{2, 3}, 1, 3, -200, 2.4, 0.5, 9)
	m = newModel().input("x", x).constant("s", fs([]int{2, 2}, 1, 1, 0.5, 2)).
		constant("z", tensor.From(tensor.Uint8, []uint8{10, 0, 0, 1}, 2, 2)).
		node("QuantizeLinear", []string{"x", "s", "z"}, []string{"y"}, block...).output("y")
	near(t, "quantize", run(t, m, 1, x)[0], []float64{11, 13, 0, 5, 1, 5}) // 4.8, 1 and 4.5 round to 5, 1 and 4
	m = newModel().input("x", x).constant("s", scalar(0.001)).constant("z", one(tensor.Int16, int16(-7))).
		node("QuantizeLinear", []string{"x", "s", "z"}, []string{"q"}).node("DequantizeLinear", []string{"q", "s", "z"}, []string{"y"}).output("y")
	near(t, "16 bits", run(t, m, 1, x)[0], []float64{1, 3, -32.761, 2.4, 0.5, 9})          // −32768 + 7 thousandths
	nibbles := tensor.Tensor{Type: tensor.Int4, Shape: []int{3}, Data: []byte{0x8f, 0x07}} // −1, −8, 7
	m = newModel().input("x", fs([]int{3}, 1, 1, 1)).constant("w", nibbles).constant("s", scalar(0.5)).
		node("DequantizeLinear", []string{"w", "s"}, []string{"d"}).node("Add", []string{"d", "x"}, []string{"y"}).output("y")
	m.Opsets[0].Version = 21
	near(t, "4 bits", run(t, m, 1, fs([]int{3}, 1, 1, 1))[0], []float64{0.5, -3, 4.5})
}

// TestOldBroadcast: before operator set 7 an attribute said where the second
// operand, constant or not, begins, and slopes of PRelu were per channel.
func TestOldBroadcast(t *testing.T) {
	x, z := tensor.From(tensor.Float32, []float32{1, -2, 3, -4, 5, -6, 7, -8}, 1, 2, 2, 2), tensor.From(tensor.Float32, []float32{10, 100}, 2)
	at := []onnx.Attr{onnx.IntAttr("axis", 1), onnx.IntAttr("broadcast", 1)}
	old := func(b *modelBuilder, op string, attrs ...onnx.Attr) *onnx.Model {
		m := b.node(op, []string{"x", "z"}, []string{"y"}, attrs...).output("y")
		m.Opsets[0].Version = 6
		return m
	}
	sum := []float64{11, 8, 13, 6, 105, 94, 107, 92}
	near(t, "computed", run(t, old(newModel().input("x", x).input("z", z), "Add", at...), 1, x, z)[0], sum)
	near(t, "constant", run(t, old(newModel().input("x", x).constant("z", z), "Add", at...), 1, x)[0], sum)
	near(t, "slopes", run(t, old(newModel().input("x", x).constant("z", z), "PRelu"), 1, x)[0], []float64{1, -20, 3, -40, 5, -600, 7, -800})
	m := old(newModel().input("x", x).constant("z", z), "Add", at...)
	m.Opsets[0].Version = 7
	if _, err := newSession(m, 1, 1); !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), `attribute "axis" of Add`) {
		t.Errorf("operator set 7: %v", err)
	}
}
