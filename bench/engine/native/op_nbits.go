package native

import (
	"errors"
	"fmt"

	"assay/bench/kernel/int4"
	"assay/bench/kernel/pool"
	"assay/models/tensor"
)

func init() {
	registerIn(microsoft, opDef{min: 3, max: 6, attrs: []string{"K", "N", "bits", "block_size", "accuracy_level"}, plan: planMatMulNBits}, "MatMulNBits")
}

// int8Level is the accuracy_level that allows activations in int8; lower ones
// ask for more.
const int8Level = 4

// planMatMulNBits plans y = x·B + bias for 4-bit weights B in blocks.
func planMatMulNBits(b *builder, n *node) error {
	x, q, scales, zeros, bias, y := n.in[0], n.in[1], n.in[2], n.arg(3), n.arg(5), n.out[0]
	if err := want(tensor.Float32, x, scales, bias, y); err != nil {
		return err
	}
	if err := want(tensor.Uint8, q, zeros); err != nil {
		return err
	}
	if bits := n.attrs.Int("bits", 4); bits != 4 {
		return fmt.Errorf("weights of %d bits: %w (4 are)", bits, errors.ErrUnsupported)
	}
	if n.arg(4) != nil {
		return fmt.Errorf("group indices %q: %w", n.arg(4).name, errors.ErrUnsupported)
	}
	for _, v := range []*value{q, scales, zeros} {
		if v != nil && !v.konst {
			return fmt.Errorf("weights %q are computed by the model: %w (constant ones are)", v.name, errors.ErrUnsupported)
		}
	}
	k, cols, block, err := nbitsShape(n)
	if err != nil {
		return err
	}
	blocks := (k + block - 1) / block
	if int64(q.len()) != int64(cols)*int64(blocks)*int64(block)/2 || scales.len() != cols*blocks || zeros != nil && zeros.len() != cols*((blocks+1)/2) ||
		bias != nil && bias.len() != cols || x.len()%k != 0 || y.len() != x.len()/k*cols {
		return fmt.Errorf("operands %v, %v and %v do not fit %d×%d weights in blocks of %d", x.shape, q.shape, scales.shape, k, cols, block)
	}
	var points []byte
	if zeros != nil {
		points = zeros.tensor().Data
	}
	p := int4.Pack(q.tensor().Data, scales.floats(), points, k, cols, block, n.attrs.Int("accuracy_level", 0) == int8Level)
	b.packed += p.Bytes()
	b.multiplyInt4(p, x.len()/k, b.slot(y), b.slot(x), bias)
	return nil
}

// nbitsShape returns the size of the weights of a MatMulNBits and of a block.
func nbitsShape(n *node) (k, cols, block int, err error) {
	var size [3]int
	for i, name := range []string{"K", "N", "block_size"} {
		v := n.attrs.Int(name, 0)
		if v < 1 || v > maxSpatial {
			return 0, 0, 0, fmt.Errorf("%s is %d: it must be 1 to %d", name, v, maxSpatial)
		}
		size[i] = int(v)
	}
	if b := size[2]; b < 16 || b > 256 || b&(b-1) != 0 {
		return 0, 0, 0, fmt.Errorf("blocks of %d weights: 16, 32, 64, 128 and 256 are", b)
	}
	return size[0], size[1], size[2], nil
}

// multiplyInt4 adds the steps of p: activations are prepared, then panels of
// columns are split among threads.
func (b *builder) multiplyInt4(p *int4.Matrix, rows, y, x int, bias *value) {
	e, scratch, at := b.env, b.scratch(4*p.Scratch(rows)), -1
	if bias != nil {
		at = b.slot(bias)
	}
	if rows == 0 {
		return
	}
	b.step(func() { p.Prepare(view[float32](e, x), rows, view[float32](e, scratch)) })
	b.parallel(p.Panels(), int64(rows)*int64(p.K)*int64(p.N), func(part, parts int) {
		var add []float32
		if at >= 0 {
			add = view[float32](e, at)
		}
		from, to := pool.Split(p.Panels(), 1, part, parts)
		p.Run(view[float32](e, y), view[float32](e, x), rows, view[float32](e, scratch), add, from, to)
	})
}
