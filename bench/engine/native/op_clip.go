package native

import "fmt"

// clips plans Clip where its bounds are computed or its elements are no
// float32: bounds are read in every run.
var clips = typed{
	f32: planClip[float32], f64: planClip[float64], i64: planClip[int64], i32: planClip[int32], i16: planClip[int16], i8: planClip[int8],
	u64: planClip[uint64], u32: planClip[uint32], u16: planClip[uint16], u8: planClip[uint8],
}

func planClip[T number](b *builder, n *node) error {
	x, y := n.in[0], n.out[0]
	if x.typ != y.typ || x.len() != y.len() || n.opset < 11 {
		return fmt.Errorf("input %v%v and output %v%v", x.typ, x.shape, y.typ, y.shape)
	}
	slots := [2]int{-1, -1}
	for i := range slots {
		if v := n.arg(i + 1); v != nil {
			if v.typ != x.typ || v.len() != 1 {
				return fmt.Errorf("bound %v%v for %v", v.typ, v.shape, x.typ)
			}
			slots[i] = b.slot(v)
		}
	}
	e, in, out := b.env, b.slot(x), b.slot(y)
	b.step(func() {
		src, dst := view[T](e, in), view[T](e, out)
		copy(dst, src)
		if slots[0] >= 0 {
			lo := view[T](e, slots[0])[0]
			for i, v := range dst {
				dst[i] = max(v, lo)
			}
		}
		if slots[1] >= 0 {
			hi := view[T](e, slots[1])[0]
			for i, v := range dst {
				dst[i] = min(v, hi)
			}
		}
	})
	return nil
}
