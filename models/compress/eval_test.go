package compress

import (
	"fmt"
	"math"
	"slices"

	"assay/models/onnx"
	"assay/models/tensor"
)

// A value is a tensor of the reference interpreter, as float64: wide enough
// for every float32 and int32, so that integer operators are exact.
type value struct {
	typ   tensor.Type
	shape []int
	v     []float64
}

// interpret is an Options.Forward: a plain interpreter of the operators that
// the tests use, written from the ONNX operator specification and sharing no
// code with the techniques or the engines.
func interpret(m *onnx.Model, want []string) (Forward, error) {
	return func(in []tensor.Tensor) (map[string]tensor.Tensor, error) {
		env := map[string]value{}
		for _, t := range m.Graph.Initializers {
			env[t.Name] = wide(t.Tensor)
		}
		for i, v := range m.Graph.Inputs {
			env[v.Name] = wide(in[i])
		}
		for _, n := range m.Graph.Nodes {
			if err := step(env, n); err != nil {
				return nil, fmt.Errorf("%s %s: %w", n.Op, label(n), err)
			}
		}
		out := map[string]tensor.Tensor{}
		for _, s := range want {
			v, ok := env[s]
			if !ok {
				return nil, fmt.Errorf("no value %q", s)
			}
			out[s] = v.tensor()
		}
		return out, nil
	}, nil
}

func wide(t tensor.Tensor) value {
	if t.Type.Bits() == 4 {
		out := value{t.Type, t.Shape, make([]float64, t.Len())}
		for i := range out.v {
			v := t.Data[i/2] >> (4 * (i % 2)) & 15
			if out.v[i] = float64(v); t.Type == tensor.Int4 && v > 7 {
				out.v[i] -= 16
			}
		}
		return out
	}
	v, err := t.Floats()
	if err != nil {
		panic(err) // a test's own model
	}
	return value{t.Type, t.Shape, v}
}

func (x value) tensor() tensor.Tensor {
	t := tensor.New(x.typ, x.shape...)
	for i, v := range x.v {
		switch x.typ {
		case tensor.Float32:
			tensor.Of[float32](t)[i] = float32(v)
		case tensor.Int32:
			tensor.Of[int32](t)[i] = int32(v)
		case tensor.Float16:
			tensor.Of[uint16](t)[i] = toHalf(float32(v))
		case tensor.Int64:
			tensor.Of[int64](t)[i] = int64(v)
		default:
			t.Data[i] = byte(int(v))
		}
	}
	return t
}

// step runs one node.
func step(env map[string]value, n *onnx.Node) error {
	in := make([]value, len(n.Inputs))
	for i, s := range n.Inputs {
		in[i] = env[s]
	}
	if n.Op == "DynamicQuantizeLinear" {
		dynamicQuantize(env, n, in[0])
		return nil
	}
	out, ok := product(n, in)
	if !ok {
		out, ok = elementwise(n, in)
	}
	if !ok {
		out, ok = layer(n, in)
	}
	if !ok {
		return fmt.Errorf("not in the test's interpreter")
	}
	for i, v := range out.v { // round as an engine stores it
		switch out.typ {
		case tensor.Float32:
			out.v[i] = float64(float32(v))
		case tensor.Float16:
			_, e := math.Frexp(v)
			step := math.Ldexp(1, max(e, -13)-11)
			out.v[i] = math.RoundToEven(v/step) * step
		}
	}
	env[n.Outputs[0]] = out
	return nil
}

// product runs the operators that multiply by weights.
func product(n *onnx.Node, in []value) (out value, ok bool) {
	switch n.Op {
	case "Conv":
		out = convolve(n, in[0], in[1], 0, nil)
		if len(in) > 2 {
			out = broadcast(out, value{shape: append([]int{len(in[2].v)}, ones(len(out.shape)-2)...), v: in[2].v}, add)
		}
	case "ConvInteger":
		out = convolve(n, in[0], in[1], in[2].v[0], in[3].v)
	case "Gemm":
		scaled := func(x value, by string) value {
			return each(x, func(v float64) float64 { return v * float64(n.Float(by, 1)) })
		}
		out = scaled(matmul(in[0], in[1], n.Int("transB", 0) != 0), "alpha")
		if len(in) > 2 {
			out = broadcast(out, scaled(in[2], "beta"), add)
		}
	case "MatMul":
		out = matmul(in[0], in[1], false)
	case "MatMulNBits":
		out = matmul(in[0], unblock(n, in), true)
	case "MatMulInteger":
		out = matmul(broadcast(in[0], in[2], sub), broadcast(in[1], in[3], sub), false)
		out.typ = tensor.Int32
	default:
		return out, false
	}
	return out, true
}

// elementwise runs the operators that look at one element at a time.
func elementwise(n *onnx.Node, in []value) (out value, ok bool) {
	switch n.Op {
	case "Add":
		out = broadcast(in[0], in[1], add)
	case "Mul":
		out = broadcast(in[0], in[1], func(a, b float64) float64 { return a * b })
	case "Relu":
		out = each(in[0], func(v float64) float64 { return max(v, 0) })
	case "Clip":
		bounds := [2]float64{math.Inf(-1), math.Inf(1)}
		for i := 1; i < len(in); i++ {
			if in[i].v != nil {
				bounds[i-1] = in[i].v[0]
			}
		}
		out = each(in[0], func(v float64) float64 { return min(max(v, bounds[0]), bounds[1]) })
	case "Sin":
		out = each(in[0], math.Sin)
	case "Identity", "Dropout":
		out = in[0]
	case "Cast":
		out = in[0]
		out.typ = tensor.Type(n.Int("to", 0))
	case "QuantizeLinear":
		lo, hi := limits(in[2].typ)
		out = each(in[0], func(v float64) float64 {
			return min(max(math.RoundToEven(float64(float32(v)/float32(in[1].v[0])))+in[2].v[0], float64(lo)), float64(hi))
		})
		out.typ = in[2].typ
	case "DequantizeLinear":
		out = dequantize(n, in)
	default:
		return out, false
	}
	return out, true
}

// layer runs what is left: normalisation, pooling, shapes.
func layer(n *onnx.Node, in []value) (out value, ok bool) {
	x := in[0]
	switch n.Op {
	case "Reshape":
		shape := make([]int, len(in[1].v))
		for i, d := range in[1].v {
			shape[i] = int(d)
		}
		return value{x.typ, shape, x.v}, true
	case "Concat":
		return concat(in), true
	case "Gather": // rows of a matrix
		return rowsOf(x, in[1]), true
	case "GatherBlockQuantized":
		full := dequantize(&onnx.Node{Attrs: []onnx.Attr{onnx.IntAttr("block_size", n.Int("block_size", 0))}}, []value{x, in[2]})
		return rowsOf(full, in[1]), true
	case "Flatten":
		return value{x.typ, []int{x.shape[0], len(x.v) / x.shape[0]}, x.v}, true
	case "GlobalAveragePool":
		out = value{x.typ, append(slices.Clone(x.shape[:2]), ones(len(x.shape)-2)...), nil}
		k := len(x.v) / (x.shape[0] * x.shape[1])
		for i := 0; i < len(x.v); i += k {
			s := 0.0
			for _, v := range x.v[i : i+k] {
				s += v
			}
			out.v = append(out.v, s/float64(k))
		}
		return out, true
	case "MaxPool":
		return maxpool(n, x), true
	case "LayerNormalization": // over the last axis
		out, k := value{x.typ, x.shape, slices.Clone(x.v)}, x.shape[len(x.shape)-1]
		for i := 0; i < len(x.v); i += k {
			mean, sq := 0.0, 0.0
			for _, v := range x.v[i : i+k] {
				mean += v / float64(k)
			}
			for _, v := range x.v[i : i+k] {
				sq += (v - mean) * (v - mean) / float64(k)
			}
			for j := range k {
				out.v[i+j] = (x.v[i+j]-mean)/math.Sqrt(sq+float64(n.Float("epsilon", 1e-5)))*in[1].v[j] + in[2].v[j]
			}
		}
		return out, true
	case "BatchNormalization":
		out = value{x.typ, x.shape, slices.Clone(x.v)}
		c := x.shape[1]
		k := len(x.v) / x.shape[0] / c
		for i := range out.v {
			j := i / k % c
			out.v[i] = (x.v[i]-in[3].v[j])/math.Sqrt(in[4].v[j]+float64(n.Float("epsilon", 1e-5)))*in[1].v[j] + in[2].v[j]
		}
		return out, true
	}
	return out, false
}

// rowsOf returns the rows of a matrix that at names.
func rowsOf(x, at value) value {
	k := x.shape[1]
	out := value{x.typ, append(slices.Clone(at.shape), k), nil}
	for _, i := range at.v {
		out.v = append(out.v, x.v[int(i)*k:(int(i)+1)*k]...)
	}
	return out
}

func add(a, b float64) float64 { return a + b }
func sub(a, b float64) float64 { return a - b }

func ones(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = 1
	}
	return out
}

func each(x value, f func(float64) float64) value {
	out := value{x.typ, x.shape, make([]float64, len(x.v))}
	for i, v := range x.v {
		out.v[i] = f(v)
	}
	return out
}

// broadcast computes f elementwise; the shapes are aligned at their ends.
func broadcast(a, b value, f func(a, b float64) float64) value {
	rank := max(len(a.shape), len(b.shape))
	sa, sb := append(ones(rank-len(a.shape)), a.shape...), append(ones(rank-len(b.shape)), b.shape...)
	out := value{typ: a.typ, shape: make([]int, rank)}
	size := 1
	for i := range sa {
		out.shape[i] = max(sa[i], sb[i])
		size *= out.shape[i]
	}
	out.v = make([]float64, size)
	for i := range out.v {
		rest, ia, ib, ka, kb := i, 0, 0, 1, 1
		for d := rank - 1; d >= 0; d-- {
			x := rest % out.shape[d]
			rest /= out.shape[d]
			if sa[d] > 1 {
				ia += x * ka
			}
			if sb[d] > 1 {
				ib += x * kb
			}
			ka, kb = ka*sa[d], kb*sb[d]
		}
		out.v[i] = f(a.v[ia], b.v[ib])
	}
	return out
}

// matmul multiplies a (…×k) by b (k×n, or n×k).
func matmul(a, b value, trans bool) value {
	k := a.shape[len(a.shape)-1]
	n := len(b.v) / k
	out := value{a.typ, append(slices.Clone(a.shape[:len(a.shape)-1]), n), make([]float64, len(a.v)/k*n)}
	for i := range out.v {
		s := 0.0
		for j := range k {
			w := b.v[j*n+i%n]
			if trans {
				w = b.v[i%n*k+j]
			}
			s += a.v[i/n*k+j] * w
		}
		out.v[i] = s
	}
	return out
}

// convolve is a 2-D Conv of x−zx and w−zw; padding adds nothing.
func convolve(n *onnx.Node, x, w value, zx float64, zw []float64) value {
	group := int(n.Int("group", 1))
	pads, str := n.Ints("pads", []int64{0, 0, 0, 0}), n.Ints("strides", []int64{1, 1})
	b, h, wd := x.shape[0], x.shape[2], x.shape[3]
	m, c, kh, kw := w.shape[0], w.shape[1], w.shape[2], w.shape[3]
	oh := (h+int(pads[0]+pads[2])-kh)/int(str[0]) + 1
	ow := (wd+int(pads[1]+pads[3])-kw)/int(str[1]) + 1
	out := value{x.typ, []int{b, m, oh, ow}, make([]float64, b*m*oh*ow)}
	if zw != nil {
		out.typ = tensor.Int32
	}
	for i := range out.v {
		ox, oy, o, img := i%ow, i/ow%oh, i/ow/oh%m, i/ow/oh/m
		z := 0.0
		if zw != nil {
			z = zw[o%len(zw)]
		}
		s := 0.0
		for ic := range c {
			plane := (img*x.shape[1] + o/(m/group)*c + ic) * h
			for ky := range kh {
				y := oy*int(str[0]) + ky - int(pads[0])
				if y < 0 || y >= h {
					continue
				}
				for kx := range kw {
					if xx := ox*int(str[1]) + kx - int(pads[1]); xx >= 0 && xx < wd {
						s += (x.v[(plane+y)*wd+xx] - zx) * (w.v[((o*c+ic)*kh+ky)*kw+kx] - z)
					}
				}
			}
		}
		out.v[i] = s
	}
	return out
}

// maxpool is a 2-D MaxPool without padding.
func maxpool(n *onnx.Node, x value) value {
	k, str := n.Ints("kernel_shape", nil), n.Ints("strides", []int64{1, 1})
	oh, ow := (x.shape[2]-int(k[0]))/int(str[0])+1, (x.shape[3]-int(k[1]))/int(str[1])+1
	out := value{x.typ, []int{x.shape[0], x.shape[1], oh, ow}, make([]float64, x.shape[0]*x.shape[1]*oh*ow)}
	for i := range out.v {
		top := math.Inf(-1)
		for ky := range int(k[0]) {
			for kx := range int(k[1]) {
				top = max(top, x.v[(i/ow/oh*x.shape[2]+i/ow%oh*int(str[0])+ky)*x.shape[3]+i%ow*int(str[1])+kx])
			}
		}
		out.v[i] = top
	}
	return out
}

// concat joins 4-D values along their channels.
func concat(in []value) value {
	out := value{in[0].typ, slices.Clone(in[0].shape), nil}
	out.shape[1] = 0
	for _, x := range in {
		out.shape[1] += x.shape[1]
	}
	for b := range out.shape[0] {
		for _, x := range in {
			k := len(x.v) / out.shape[0]
			out.v = append(out.v, x.v[b*k:(b+1)*k]...)
		}
	}
	return out
}
