package compress

import (
	"strings"
	"testing"

	"assay/models/onnx"
	"assay/models/tensor"
)

// branchy returns a network with everything that families go through: a
// residual addition, a depthwise convolution, a concatenation, a scale per
// channel, a Flatten of an image and a matrix.
func branchy() *onnx.Model {
	b := newNet()
	b.conv("a", "x", 2, 16)
	b.node("Relu", "ar", []string{"a"})
	b.conv("b", "ar", 16, 16)
	b.node("Add", "s", []string{"b", "ar"})
	b.random("dw.w", 1, 16, 1, 3, 3)
	b.random("dw.b", 1, 16)
	b.node("Conv", "dw", []string{"s", "dw.w", "dw.b"}, onnx.IntAttr("group", 16), onnx.IntsAttr("pads", 1, 1, 1, 1))
	b.conv("c", "ar", 16, 12)
	b.random("scale", 1, 1, 12, 1, 1)
	b.node("Mul", "cs", []string{"c", "scale"})
	b.node("Concat", "cat", []string{"dw", "cs"}, onnx.IntAttr("axis", 1))
	b.node("MaxPool", "p", []string{"cat"}, onnx.IntsAttr("kernel_shape", 3, 3), onnx.IntsAttr("strides", 3, 3))
	b.node("Flatten", "f", []string{"p"})
	b.random("w", 1, 28*4, 5)
	b.node("MatMul", "y", []string{"f", "w"})
	return b.output("y")
}

// kill clears channel c of an initializer whose first axis are channels.
func kill(m *onnx.Model, name string, c int) {
	t := m.Graph.Initializer(name)
	k := t.Len() / t.Shape[0]
	clear(tensor.Of[float32](t.Tensor)[c*k : (c+1)*k])
}

// TestPruneDead removes channels that are always zero: the outputs must not
// change, whatever the channels went through.
func TestPruneDead(t *testing.T) {
	for _, plain := range []bool{true, false} {
		m := branchy()
		for _, c := range []int{1, 7, 8, 14} {
			for _, name := range []string{"a.w", "a.b", "b.w", "b.b", "dw.w", "dw.b"} {
				kill(m, name, c)
			}
		}
		for _, c := range []int{0, 5, 6, 11} {
			kill(m, "c.w", c)
			kill(m, "c.b", c)
		}
		opt := options()
		opt.Plain = plain
		out, r := apply(t, "pruned-28", m, opt) // 16 → 12 and 12 → 8, in tiles of 4
		sizes := map[string][]int{}
		for _, w := range out.Graph.Initializers {
			sizes[w.Name] = w.Shape
		}
		if got := sizes["w_pruned"]; len(got) != 2 || got[0] != 20*4 {
			t.Errorf("plain %v: the last matrix is %v, want 80 rows: %v", plain, got, sizes)
		}
		// Rounding to float32 is all that may differ; the fit has a ridge.
		floor := 100.0
		if !plain {
			floor = 60
		}
		if got := sqnr(run(t, m, "y", opt), run(t, out, "y", opt)); got < floor {
			t.Errorf("plain %v: %.1f dB", plain, got)
		}
		for _, n := range r.Nodes {
			if n.Op == "Conv" && !n.Changed {
				t.Errorf("%s: %s", n.Name, n.Reason)
			}
		}
	}
}

// TestPruneFeedForward removes the dead hidden units of two matrices on
// sequences, whose channels are the last axis and whose bias is added.
func TestPruneFeedForward(t *testing.T) {
	b := newNet(-1, 5, 8)
	w, bias := b.random("w1", 1, 8, 16), b.random("b1", 1, 16)
	for _, c := range []int{0, 3, 9, 15} {
		bias[c] = 0
		for i := range 8 {
			w[i*16+c] = 0
		}
	}
	b.node("MatMul", "h", []string{"x", "w1"})
	b.node("Add", "hb", []string{"h", "b1"})
	b.node("Relu", "r", []string{"hb"})
	b.random("w2", 1, 16, 8)
	b.node("MatMul", "y", []string{"r", "w2"})
	m, opt := b.output("y"), options()
	opt.Calibration = sets(4, 2, 5, 8)
	opt.Plain = true
	out, _ := apply(t, "pruned-25", m, opt)
	if got := out.Graph.Initializer("w2_pruned"); got == nil || got.Shape[0] != 12 {
		t.Errorf("the second matrix is %v", got)
	}
	if got := sqnr(run(t, m, "y", opt), run(t, out, "y", opt)); got < 100 {
		t.Errorf("%.1f dB", got)
	}
}

// TestRefit wants the fitted network to keep more than the one that is merely
// cut, where channels are correlated.
func TestRefit(t *testing.T) {
	m, opt := wideNet(), options()
	y := run(t, m, "y", opt)
	keep := func(plain bool) float64 {
		o := opt
		o.Plain = plain
		out, _ := apply(t, "pruned-40", m, o)
		return sqnr(y, run(t, out, "y", opt))
	}
	if a, b := keep(true), keep(false); b < a+3 {
		t.Errorf("cut %.1f dB, fitted %.1f", a, b)
	}
}

// TestPruneRefuses names what is not understood, and leaves it whole.
func TestPruneRefuses(t *testing.T) {
	for _, c := range []struct {
		name, want string
		build      func(b *net)
	}{
		{"channel shuffle", `Reshape "Reshape_s" is not understood`, func(b *net) {
			b.m.Graph.AddInitializer("shape", tensor.From(tensor.Int64, []int64{0, 2, 8, 6, 6}, 5))
			b.node("Reshape", "s", []string{"a", "shape"})
			b.m.Graph.AddInitializer("back", tensor.From(tensor.Int64, []int64{0, 16, 6, 6}, 4))
			b.node("Reshape", "t", []string{"s", "back"})
			b.conv("y", "t", 16, 3)
		}},
		{"groups", `Conv "Conv_g" has 2 groups`, func(b *net) {
			b.random("g.w", 1, 8, 8, 1, 1)
			b.node("Conv", "g", []string{"a", "g.w"}, onnx.IntAttr("group", 2))
			b.conv("y", "g", 8, 3)
		}},
		{"output", "it is an output of the model", func(b *net) { b.node("Relu", "y", []string{"a"}) }},
		{"unknown operator", `Softmax "Softmax_s" is not understood`, func(b *net) {
			b.node("Softmax", "s", []string{"a"}, onnx.IntAttr("axis", 1))
			b.conv("y", "s", 16, 3)
		}},
	} {
		b := newNet()
		b.conv("a", "x", 2, 16)
		c.build(b)
		opt := options()
		opt.Plain = true
		opt.Forward = func(*onnx.Model, []string) (Forward, error) {
			return func([]tensor.Tensor) (map[string]tensor.Tensor, error) {
				return map[string]tensor.Tensor{"y": tensor.New(tensor.Float32, 1)}, nil
			}, nil
		}
		_, r := apply(t, "pruned-50", b.output("y"), opt)
		if n := r.Nodes[0]; n.Changed || !strings.Contains(n.Reason, c.want) {
			t.Errorf("%s: %+v, want %q", c.name, n, c.want)
		}
	}
}
