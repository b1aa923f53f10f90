package native

import (
	"fmt"
	"slices"

	"assay/bench/kernel/ew"
	"assay/bench/kernel/pooling"
	"assay/bench/kernel/quant"
	"assay/models/tensor"
)

func init() {
	registerIn(microsoft, opDef{min: 8, max: 8, plan: planQLinearAdd}, "QLinearAdd")
	registerIn(microsoft, opDef{min: 5, max: 5, attrs: []string{"channels_last"}, plan: planQLinearGlobal}, "QLinearGlobalAveragePool")
	registerIn(internal, opDef{min: 5, max: 5, plan: planLookup}, "Lookup")
}

// at8 returns the value of 8-bit pattern i.
func at8(typ tensor.Type, i int) int32 {
	if typ == tensor.Int8 {
		return int32(int8(i))
	}
	return int32(i)
}

// planQLinearAdd plans a, a_scale, a_zero, b, b_scale, b_zero, y_scale,
// y_zero with operands of one shape.
func planQLinearAdd(b *builder, n *node) error {
	x, z, y := n.in[0], n.in[3], n.out[0]
	gx, errX := tensorGrid(x.typ, n.in[1], n.in[2])
	gz, errZ := tensorGrid(z.typ, n.in[4], n.in[5])
	gy, errY := tensorGrid(y.typ, n.in[6], n.in[7])
	for _, err := range []error{errX, errZ, errY} {
		if err != nil {
			return err
		}
	}
	if !slices.Equal(x.shape, z.shape) || !slices.Equal(x.shape, y.shape) {
		return fmt.Errorf("operands %v and %v: broadcasting is not supported here", x.shape, z.shape)
	}
	lo, hi := gy.bounds(n.lo, n.hi)
	t := addition(gx, gz, gy, lo, hi)
	e, p, q, out := b.env, b.slot(x), b.slot(z), b.slot(y)
	if y.typ == tensor.Int8 {
		b.step(func() { quant.Add(t, view[int8](e, out), e.buf[p], e.buf[q]) })
	} else {
		b.step(func() { quant.Add(t, view[uint8](e, out), e.buf[p], e.buf[q]) })
	}
	return nil
}

// addition returns y = x·(sx/sy) + (z·(sz/sy) + fixed) with the constant part
// fixed = zy − (sx/sy·zx + sz/sy·zz), rounded where ONNX Runtime rounds.
func addition(gx, gz, gy grid, lo, hi int32) *quant.Addition {
	rx, rz := gx.scale[0]/gy.scale[0], gz.scale[0]/gy.scale[0]
	fixed := float32(gy.zero[0]) - float32(float64(rx)*float64(gx.zero[0])+float64(float32(rz*float32(gz.zero[0]))))
	return quant.NewAddition(rx, rz, fixed, gx.typ == tensor.Int8, gz.typ == tensor.Int8, lo, hi)
}

// planQLinearGlobal plans x, x_scale, x_zero, y_scale, y_zero.
func planQLinearGlobal(b *builder, n *node) error {
	x, y := n.in[0], n.out[0]
	gx, err := tensorGrid(x.typ, n.in[1], n.in[2])
	if err != nil {
		return err
	}
	gy, err := tensorGrid(y.typ, n.in[3], n.in[4])
	if err != nil {
		return err
	}
	if !n.last || n.attrs.Int("channels_last", 0) != 0 || len(x.shape) < 3 || x.len() == 0 {
		return fmt.Errorf("input %v is no image with channels first", x.shape)
	}
	batch, c := x.shape[0], x.shape[len(x.shape)-1]
	pixels := x.len() / (batch * c)
	if y.len() != batch*c {
		return fmt.Errorf("output %v of input %v", y.shape, x.shape)
	}
	f, err := b.newFinish(n, gx, grid{scale: []float32{1 / float32(pixels)}}, &gy, nil, c)
	if err != nil {
		return err
	}
	e, in, sums, zero := b.env, b.slot(x), b.scratch(4*batch*c), gx.zero[0]
	isSigned := x.typ == tensor.Int8
	b.step(func() {
		acc := view[int32](e, sums)
		if isSigned {
			pooling.GlobalSum(acc, view[int8](e, in), zero, batch, pixels, c)
		} else {
			pooling.GlobalSum(acc, view[uint8](e, in), zero, batch, pixels, c)
		}
		f.rows(e, acc, 0)
	})
	return nil
}

// planLookup plans an elementwise function between grids as a table of 256
// entries: x, x_scale, x_zero, y_scale, y_zero.
func planLookup(b *builder, n *node) error {
	x, y := n.in[0], n.out[0]
	gx, err := tensorGrid(x.typ, n.in[1], n.in[2])
	if err != nil {
		return err
	}
	gy, err := tensorGrid(y.typ, n.in[3], n.in[4])
	if err != nil {
		return err
	}
	t := table(gx, gy, n.f)
	e, in, out := b.env, b.slot(x), b.slot(y)
	b.step(func() { t.Map(e.buf[out], e.buf[in]) })
	return nil
}

// table computes y = quantize(f(dequantize(x))) for every x.
func table(gx, gy grid, f ew.Unary) *quant.Lookup {
	var t quant.Lookup
	for i := range t {
		v := f.At(float32(at8(gx.typ, i)-gx.zero[0]) * gx.scale[0])
		if gy.typ == tensor.Int8 {
			var q [1]int8
			quant.Quantize(q[:], []float32{v}, gy.scale[0], int8(gy.zero[0]))
			t[i] = byte(q[0])
		} else {
			quant.Quantize(t[i:i+1], []float32{v}, gy.scale[0], uint8(gy.zero[0]))
		}
	}
	return &t
}
