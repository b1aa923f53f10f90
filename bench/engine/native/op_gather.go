package native

import (
	"fmt"
)

// planGatherRun plans a Gather whose indices the model computes.
func planGatherRun(b *builder, n *node) error {
	x, k, y := n.in[0], n.in[1], n.out[0]
	size, err := elementSize(x, y)
	if err != nil {
		return err
	}
	v, err := cutAt(x.shape, int(n.attrs.Int("axis", 0)))
	if err != nil {
		return err
	}
	count := k.len()
	if v.count == 0 || y.len() != v.outer*count*v.inner {
		return fmt.Errorf("%d indices of %v for %v", count, x.shape, y.shape)
	}
	index, err := b.indices(k)
	if err != nil {
		return err
	}
	e, in, out, run := b.env, b.slot(x), b.slot(y), v.inner*size
	b.step(func() {
		for o := range v.outer {
			for i := range count {
				copy(e.buf[out][(o*count+i)*run:][:run], e.buf[in][(o*v.count+index(i, v.count))*run:])
			}
		}
	})
	return nil
}
