package native

import (
	"math"
	"testing"

	"assay/models/onnx"
	"assay/models/tensor"
)

// An arr is a tensor of the oracle: float64 elements whatever the type.
type arr struct {
	shape []int
	v     []float64
}

func newArr(shape ...int) arr {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return arr{append([]int{}, shape...), make([]float64, n)}
}

func toArr(t *testing.T, x tensor.Tensor) arr {
	t.Helper()
	f, err := x.Floats()
	if err != nil {
		t.Fatal(err)
	}
	return arr{x.Shape, f}
}

// oracle runs a model in float64, NCHW, by the operators' definitions: an
// independent implementation that shares no code with the engine. It knows
// the operators of the zoo.
func oracle(t *testing.T, m *onnx.Model, in ...tensor.Tensor) map[string]arr {
	t.Helper()
	vals := map[string]arr{}
	for _, i := range m.Graph.Initializers {
		vals[i.Name] = toArr(t, i.Tensor)
	}
	for i, x := range in {
		vals[m.Graph.Inputs[i].Name] = toArr(t, x)
	}
	types := map[string]tensor.Type{}
	inf, err := onnx.InferShapes(m, nil)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range inf {
		types[k] = v.Type
	}
	for _, n := range m.Graph.Nodes {
		var a []arr
		for _, name := range n.Inputs {
			a = append(a, vals[name])
		}
		for i, r := range oracleNode(t, n, a, types) {
			vals[n.Outputs[i]] = r
		}
	}
	return vals
}

func oracleNode(t *testing.T, n *onnx.Node, a []arr, types map[string]tensor.Type) []arr {
	t.Helper()
	one := func(r arr) []arr { return []arr{r} }
	each := func(f func(float64) float64) []arr {
		r := newArr(a[0].shape...)
		for i, v := range a[0].v {
			r.v[i] = f(v)
		}
		return one(r)
	}
	switch n.Op {
	case "Conv", "ConvInteger":
		x, bias := a[0], []float64(nil)
		if n.Op == "Conv" && len(a) > 2 {
			bias = a[2].v
		}
		if n.Op == "ConvInteger" && len(a) > 2 {
			x = arr{x.shape, append([]float64{}, x.v...)}
			for i := range x.v {
				x.v[i] -= a[2].v[0]
			}
			if len(a) > 3 && a[3].v != nil {
				w := newArr(a[1].shape...)
				for i, v := range a[1].v {
					w.v[i] = v - a[3].v[i/(len(w.v)/len(a[3].v))]
				}
				a[1] = w
			}
		}
		return one(oracleConv(n, x, a[1], bias))
	case "BatchNormalization":
		r, c := newArr(a[0].shape...), a[0].shape[1]
		inner := len(r.v) / a[0].shape[0] / c
		for i, v := range a[0].v {
			k := i / inner % c
			r.v[i] = (v-a[3].v[k])/math.Sqrt(a[4].v[k]+float64(n.Float("epsilon", 1e-5)))*a[1].v[k] + a[2].v[k]
		}
		return one(r)
	case "Relu":
		return each(func(v float64) float64 { return max(v, 0) })
	case "Clip":
		lo, hi := math.Inf(-1), math.Inf(1)
		if len(a) > 1 && a[1].v != nil {
			lo = a[1].v[0]
		}
		if len(a) > 2 && a[2].v != nil {
			hi = a[2].v[0]
		}
		return each(func(v float64) float64 { return min(max(v, lo), hi) })
	case "Add", "Mul":
		return one(oracleZip(n.Op, a[0], a[1]))
	case "GlobalAveragePool":
		r := newArr(a[0].shape[0], a[0].shape[1], 1, 1)
		inner := len(a[0].v) / len(r.v)
		for i, v := range a[0].v {
			r.v[i/inner] += v / float64(inner)
		}
		return one(r)
	case "Flatten", "Reshape", "Identity", "Cast":
		r := arr{a[0].shape, a[0].v}
		if n.Op == "Flatten" || n.Op == "Reshape" && len(a[0].shape) == 4 && a[0].shape[2] == 1 {
			r.shape = []int{a[0].shape[0], len(a[0].v) / a[0].shape[0]}
		} else if n.Op == "Reshape" {
			r.shape = []int{}
			for _, d := range a[1].v {
				r.shape = append(r.shape, int(d))
			}
		}
		return one(r)
	case "Constant":
		return one(toArr(t, *n.Attr("value").T))
	case "Gemm", "MatMul", "MatMulInteger":
		return one(oracleGemm(n, a))
	case "QuantizeLinear", "DequantizeLinear":
		return one(oracleQuant(n, a, types[n.Outputs[0]]))
	case "DynamicQuantizeLinear":
		return oracleDynamic(a[0])
	}
	t.Fatalf("the oracle does not know %s", n.Op)
	return nil
}

func oracleConv(n *onnx.Node, x, w arr, bias []float64) arr {
	get := func(name string, def ...int64) []int64 { return n.Ints(name, def) }
	st, dl, pd, g := get("strides", 1, 1), get("dilations", 1, 1), get("pads", 0, 0, 0, 0), int(n.Int("group", 1))
	size := func(i int) int {
		return (x.shape[2+i]+int(pd[i]+pd[i+2])-int(dl[i])*(w.shape[2+i]-1)-1)/int(st[i]) + 1
	}
	r := newArr(x.shape[0], w.shape[0], size(0), size(1))
	cg, mg := w.shape[1], w.shape[0]/g
	for i := range r.v {
		ox, oy, m, b := i%r.shape[3], i/r.shape[3]%r.shape[2], i/r.shape[3]/r.shape[2]%r.shape[1], i/r.shape[3]/r.shape[2]/r.shape[1]
		for c := range cg {
			for ky := range w.shape[2] {
				for kx := range w.shape[3] {
					iy, ix := oy*int(st[0])+ky*int(dl[0])-int(pd[0]), ox*int(st[1])+kx*int(dl[1])-int(pd[1])
					if iy >= 0 && iy < x.shape[2] && ix >= 0 && ix < x.shape[3] {
						r.v[i] += x.v[((b*x.shape[1]+m/mg*cg+c)*x.shape[2]+iy)*x.shape[3]+ix] * w.v[((m*cg+c)*w.shape[2]+ky)*w.shape[3]+kx]
					}
				}
			}
		}
		if bias != nil {
			r.v[i] += bias[m]
		}
	}
	return r
}

func oracleZip(op string, a, b arr) arr {
	rank := max(len(a.shape), len(b.shape))
	dim := func(x arr, i int) int {
		if j := i - rank + len(x.shape); j >= 0 {
			return x.shape[j]
		}
		return 1
	}
	shape := make([]int, rank)
	for i := range shape {
		shape[i] = max(dim(a, i), dim(b, i))
	}
	r := newArr(shape...)
	at := func(x arr, i int) float64 {
		off, step := 0, 1
		for d := rank - 1; d >= 0; d-- {
			if dim(x, d) != 1 {
				off += i % shape[d] * step
			}
			step *= dim(x, d)
			i /= shape[d]
		}
		return x.v[off]
	}
	for i := range r.v {
		if op == "Add" {
			r.v[i] = at(a, i) + at(b, i)
		} else {
			r.v[i] = at(a, i) * at(b, i)
		}
	}
	return r
}

func oracleGemm(n *onnx.Node, a []arr) arr {
	x, w := a[0], a[1]
	rows, k := x.shape[0], x.shape[1]
	trans := n.Int("transB", 0) != 0
	cols := len(w.v) / k
	r := newArr(rows, cols)
	var zx, zw []float64
	if n.Op == "MatMulInteger" {
		if len(a) > 2 {
			zx = a[2].v
		}
		if len(a) > 3 {
			zw = a[3].v
		}
	}
	for i := range rows {
		for j := range cols {
			for p := range k {
				u, v := x.v[i*k+p], w.v[p*cols+j%cols]
				if trans {
					v = w.v[j*k+p]
				}
				if zx != nil {
					u -= zx[0]
				}
				if zw != nil {
					v -= zw[j%len(zw)]
				}
				r.v[i*cols+j] += u * v
			}
			if n.Op == "Gemm" && len(a) > 2 {
				r.v[i*cols+j] += a[2].v[j]
			}
		}
	}
	return r
}

func oracleQuant(n *onnx.Node, a []arr, typ tensor.Type) arr {
	r := newArr(a[0].shape...)
	inner := 1
	if len(a[1].v) > 1 {
		axis := int(n.Int("axis", 1))
		for _, d := range a[0].shape[axis+1:] {
			inner *= d
		}
	}
	lo, hi := 0.0, 255.0
	if typ == tensor.Int8 {
		lo, hi = -128, 127
	}
	for i, v := range a[0].v {
		k := i / inner % len(a[1].v)
		zero := 0.0
		if len(a) > 2 && a[2].v != nil {
			zero = a[2].v[k]
		}
		if n.Op == "QuantizeLinear" {
			r.v[i] = min(max(math.RoundToEven(v/a[1].v[k])+zero, lo), hi)
		} else {
			r.v[i] = (v - zero) * a[1].v[k]
		}
	}
	return r
}

// oracleDynamic follows the formulas of DynamicQuantizeLinear's specification.
func oracleDynamic(x arr) []arr {
	lo, hi := 0.0, 0.0
	for _, v := range x.v {
		lo, hi = min(lo, v), max(hi, v)
	}
	scale := float64(float32(float32(hi)-float32(lo)) / 255)
	zero := math.RoundToEven(min(max(-lo/scale, 0), 255))
	y := newArr(x.shape...)
	for i, v := range x.v {
		y.v[i] = min(max(math.RoundToEven(v/scale)+zero, 0), 255)
	}
	return []arr{y, {[]int{}, []float64{scale}}, {[]int{}, []float64{zero}}}
}
