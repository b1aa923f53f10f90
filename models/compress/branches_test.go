package compress

import (
	"math"
	"slices"
	"testing"

	"assay/models/onnx"
	"assay/models/tensor"
)

// kernel adds a convolution of x with weights of a shape of its own.
func (b *net) kernel(out, in string, attrs []onnx.Attr, shape ...int) *onnx.Node {
	b.random(out+".w", 0.5, shape...)
	b.random(out+".b", 0.5, shape[0])
	return b.node("Conv", out, []string{in, out + ".w", out + ".b"}, attrs...)
}

func padded(n int64, more ...onnx.Attr) []onnx.Attr {
	return append([]onnx.Attr{onnx.IntsAttr("pads", n, n, n, n)}, more...)
}

// branches lists sums with the operators that folding leaves of them; x has
// two channels.
var branchCases = []struct {
	name  string
	build func(b *net)
	want  []string
}{
	{"RepVGG block", func(b *net) {
		b.kernel("three", "x", padded(1), 2, 2, 3, 3)
		b.kernel("one", "x", nil, 2, 2, 1, 1)
		b.norm("id", "x", 2)
		b.node("Add", "s", []string{"three", "one"})
		b.node("Add", "y", []string{"s", "id"})
	}, []string{"Conv"}},
	{"norms after the convolutions, the small one first", func(b *net) {
		b.kernel("c1", "x", nil, 2, 2, 1, 1)
		b.norm("one", "c1", 2)
		b.kernel("c3", "x", padded(1), 2, 2, 3, 3)
		b.norm("three", "c3", 2)
		b.norm("id", "x", 2)
		b.node("Add", "s", []string{"id", "one"})
		b.node("Add", "y", []string{"s", "three"})
	}, []string{"Conv"}},
	{"a Sum of three", func(b *net) {
		b.kernel("one", "x", nil, 2, 2, 1, 1)
		b.kernel("three", "x", padded(1), 2, 2, 3, 3)
		b.node("Sum", "y", []string{"x", "one", "three"})
	}, []string{"Conv"}},
	{"stride 2, more channels", func(b *net) {
		by := onnx.IntsAttr("strides", 2, 2)
		b.kernel("three", "x", padded(1, by), 4, 2, 3, 3)
		b.kernel("one", "x", []onnx.Attr{by}, 4, 2, 1, 1)
		b.node("Add", "y", []string{"one", "three"})
	}, []string{"Conv"}},
	{"depthwise with a 5×5 and itself", func(b *net) {
		by := onnx.IntAttr("group", 2)
		b.kernel("three", "x", padded(1, by), 2, 1, 3, 3)
		b.kernel("five", "x", padded(2, by), 2, 1, 5, 5)
		b.node("Add", "s", []string{"three", "five"})
		b.node("Add", "y", []string{"x", "s"})
	}, []string{"Conv"}},
	{"1×3 beside 3×3", func(b *net) {
		b.kernel("three", "x", padded(1), 2, 2, 3, 3)
		b.kernel("flat", "x", []onnx.Attr{onnx.IntsAttr("pads", 0, 1, 0, 1)}, 2, 2, 1, 3)
		b.node("Add", "y", []string{"three", "flat"})
	}, []string{"Conv"}},
	{"other inputs", func(b *net) {
		b.node("Relu", "r", []string{"x"})
		b.kernel("a", "x", padded(1), 2, 2, 3, 3)
		b.kernel("c", "r", padded(1), 2, 2, 3, 3)
		b.node("Add", "y", []string{"a", "c"})
	}, []string{"Relu", "Conv", "Conv", "Add"}},
	{"1×3 beside 3×1: none holds the other", func(b *net) {
		b.kernel("a", "x", []onnx.Attr{onnx.IntsAttr("pads", 0, 1, 0, 1)}, 2, 2, 1, 3)
		b.kernel("c", "x", []onnx.Attr{onnx.IntsAttr("pads", 1, 0, 1, 0)}, 2, 2, 3, 1)
		b.node("Add", "y", []string{"a", "c"})
	}, []string{"Conv", "Conv", "Add"}},
	{"dilated", func(b *net) {
		b.kernel("a", "x", padded(1), 2, 2, 3, 3)
		b.kernel("c", "x", padded(2, onnx.IntsAttr("dilations", 2, 2)), 2, 2, 3, 3)
		b.node("Add", "y", []string{"a", "c"})
	}, []string{"Conv", "Conv", "Add"}},
	{"off centre", func(b *net) {
		b.kernel("a", "x", padded(1), 2, 2, 3, 3)
		b.kernel("c", "x", []onnx.Attr{onnx.IntsAttr("pads", 0, 0, 2, 2)}, 2, 2, 3, 3)
		b.node("Add", "y", []string{"a", "c"})
	}, []string{"Conv", "Conv", "Add"}},
	{"other groups", func(b *net) {
		b.kernel("a", "x", padded(1), 2, 2, 3, 3)
		b.kernel("c", "x", padded(1, onnx.IntAttr("group", 2)), 2, 1, 3, 3)
		b.node("Add", "y", []string{"a", "c"})
	}, []string{"Conv", "Conv", "Add"}},
	{"a branch is read twice", func(b *net) {
		b.kernel("a", "x", padded(1), 2, 2, 3, 3)
		b.kernel("c", "x", nil, 2, 2, 1, 1)
		b.node("Add", "s", []string{"a", "c"})
		b.node("Mul", "y", []string{"s", "c"})
	}, []string{"Conv", "Conv", "Add", "Mul"}},
	{"itself with a stride", func(b *net) {
		b.kernel("a", "x", padded(1, onnx.IntsAttr("strides", 6, 6)), 2, 2, 3, 3)
		b.node("Add", "y", []string{"x", "a"}) // 1×1 to every place
	}, []string{"Conv", "Add"}},
	{"the same branch twice", func(b *net) {
		b.kernel("a", "x", padded(1), 2, 2, 3, 3)
		b.node("Add", "y", []string{"a", "a"})
	}, nil}, // whatever it leaves computes the same
	{"a constant is added", func(b *net) {
		b.kernel("a", "x", padded(1), 2, 2, 3, 3)
		b.random("k", 1, 1, 2, 1, 1)
		b.node("Add", "y", []string{"a", "k"})
	}, []string{"Conv", "Add"}},
}

// TestBranches folds sums of branches, and expects the same output from the
// convolution that is left; what does not fit stays.
func TestBranches(t *testing.T) {
	for _, c := range branchCases {
		t.Run(c.name, func(t *testing.T) {
			b := newNet()
			c.build(b)
			m := b.output("y")
			d, err := newDraft(m)
			if err == nil {
				err = d.fold()
			}
			if err == nil {
				err = d.foldBranches()
			}
			got := d.Model
			if err == nil {
				err = onnx.Check(got)
			}
			if err != nil {
				t.Fatal(err)
			}
			if c.want != nil && !slices.Equal(ops(got), c.want) {
				t.Errorf("left %v, want %v", ops(got), c.want)
			}
			if len(c.want) > 1 {
				return // it stays as it is
			}
			if n := m.Graph.Nodes[len(m.Graph.Nodes)-1]; n.Op == "Sum" { // which the interpreter of the tests does not know
				n.Op, n.Inputs = "Add", []string{"s", n.Inputs[2]}
				m.Graph.Nodes = slices.Insert(m.Graph.Nodes, len(m.Graph.Nodes)-1, &onnx.Node{Op: "Add", Inputs: []string{"x", "one"}, Outputs: []string{"s"}})
			}
			want, have := run(t, m, "y", options()), run(t, got, "y", options())
			if len(want) == 0 || len(want) != len(have) {
				t.Fatalf("%d values, were %d", len(have), len(want))
			}
			for i := range want {
				if math.Abs(want[i]-have[i]) > 1e-5*max(1, math.Abs(want[i])) {
					t.Fatalf("output %d is %g, was %g: more than 1e-5 apart", i, have[i], want[i])
				}
			}
		})
	}
}

// TestBranchesOutputs keeps what somebody reads, and refuses a bad variance.
func TestBranchesOutputs(t *testing.T) {
	b := newNet()
	b.kernel("three", "x", padded(1), 2, 2, 3, 3)
	b.kernel("one", "x", nil, 2, 2, 1, 1)
	b.node("Add", "y", []string{"three", "one"})
	got, _ := apply(t, "fold", b.output("y", "one"), options())
	if want := []string{"Conv", "Conv", "Add"}; !slices.Equal(ops(got), want) {
		t.Errorf("an output was folded away: %v", ops(got))
	}
	b = newNet()
	b.kernel("three", "x", padded(1), 2, 2, 3, 3)
	b.norm("id", "x", 2)
	b.node("Add", "y", []string{"three", "id"})
	tensor.Of[float32](b.m.Graph.Initializer("id.v").Tensor)[1] = -1
	for _, tech := range Techniques() {
		if tech.Name != "fold" {
			continue
		}
		if _, _, err := tech.Apply(t.Context(), b.output("y"), options()); err == nil {
			t.Error("a negative variance was folded")
		}
	}
}
