package onnx

import (
	"fmt"
	"slices"
)

func init() {
	register(1, flatten, "Flatten")
	register(1, transpose, "Transpose")
	register(1, squeeze, "Squeeze")
	register(1, unsqueeze, "Unsqueeze")
	register(2, expand, "Expand")
	register(2, tile, "Tile")
	register(1, depthToSpace, "DepthToSpace", "SpaceToDepth")
}

// flatten: the axes before axis become one, the others another.
func flatten(c *call) error {
	x := c.arg(0)
	c.set(0, x.typ, true, unknowns(2))
	if !x.ranked {
		return nil
	}
	v := c.Int("axis", 1)
	if v < 0 {
		v += int64(len(x.shape))
	}
	if v < 0 || v > int64(len(x.shape)) {
		return fmt.Errorf("axis %d of a tensor with %d dimensions", c.Int("axis", 1), len(x.shape))
	}
	rows, err := product(x.shape[:v])
	if err != nil {
		return err
	}
	cols, err := product(x.shape[v:])
	if err != nil {
		return err
	}
	c.set(0, x.typ, true, []Dim{rows, cols})
	return nil
}

func transpose(c *call) error {
	x := c.arg(0)
	c.set(0, x.typ, false, nil)
	if !x.ranked {
		return nil
	}
	n := len(x.shape)
	perm := c.Ints("perm", nil)
	if perm == nil {
		for i := n - 1; i >= 0; i-- {
			perm = append(perm, int64(i))
		}
	}
	seen := make([]bool, n)
	out := make([]Dim, 0, n)
	for _, p := range perm {
		if p < 0 || p >= int64(n) || seen[p] || len(perm) != n {
			return fmt.Errorf("perm %v does not permute the shape %v", perm, x.shape)
		}
		seen[p] = true
		out = append(out, x.shape[p])
	}
	if len(perm) != n {
		return fmt.Errorf("perm %v does not permute the shape %v", perm, x.shape)
	}
	c.set(0, x.typ, true, out)
	return nil
}

func squeeze(c *call) error {
	x := c.arg(0)
	c.set(0, x.typ, false, nil)
	list, all, ok := c.axesOf(1, 13)
	if !x.ranked || !ok {
		return nil
	}
	set, err := axes(list, len(x.shape))
	if err != nil {
		return err
	}
	for i, d := range x.shape {
		switch {
		case all && !d.known():
			return nil // 1 or not: the rank depends on it
		case all && d.is(1):
			set[i] = true
		case set[i] && d.known() && !d.is(1):
			return fmt.Errorf("axis %d of %v is not 1", i, x.shape)
		}
	}
	c.set(0, x.typ, true, drop(x.shape, false, func(i int) bool { return set[i] }))
	if len(x.shape) == 1 {
		c.data(x.data)
	}
	return nil
}

func unsqueeze(c *call) error {
	x := c.arg(0)
	c.set(0, x.typ, false, nil)
	list, _, ok := c.axesOf(1, 13)
	if !x.ranked || !ok {
		return nil
	}
	n := len(x.shape) + len(list)
	set, err := axes(list, n)
	if err != nil {
		return err
	}
	out := make([]Dim, 0, n)
	for i, k := 0, 0; i < n; i++ {
		if set[i] {
			out = append(out, fixed(1))
			continue
		}
		out = append(out, x.shape[k])
		k++
	}
	c.set(0, x.typ, true, out)
	if len(out) == 1 {
		c.data(x.data)
	}
	return nil
}

// expand broadcasts the data to the shape of input 1.
func expand(c *call) error {
	x, s := c.arg(0), c.arg(1)
	c.set(0, x.typ, false, nil)
	if !x.ranked || s.data == nil {
		return nil
	}
	to := s.dims()
	for _, d := range s.data {
		if d.known && d.v < 0 {
			return fmt.Errorf("shape %v has a dimension %d", show(s.data), d.v)
		}
	}
	out, err := broadcast(x.shape, to)
	if err != nil {
		return err
	}
	c.set(0, x.typ, true, out)
	if len(out) == 1 && out[0].known() && out[0].Value <= maxRank && len(x.data) == 1 {
		c.data(slices.Repeat(x.data, int(out[0].Value)))
	}
	return nil
}

func tile(c *call) error {
	x := c.arg(0)
	c.set(0, x.typ, false, nil)
	if !x.ranked {
		return nil
	}
	out := unknowns(len(x.shape))
	if r, ok := c.arg(1).ints(); ok {
		if len(r) != len(x.shape) {
			return fmt.Errorf("%d repeats for the shape %v", len(r), x.shape)
		}
		for i, k := range r {
			switch d := x.shape[i]; {
			case k < 0:
				return fmt.Errorf("repeats %v", r)
			case k == 1:
				out[i] = d
			case d.known():
				v, err := mul(d.Value, k)
				if err != nil {
					return err
				}
				out[i] = fixed(v)
			}
		}
	}
	c.set(0, x.typ, true, out)
	return nil
}

// depthToSpace: [N, C, H, W] ↔ [N, C/b², H·b, W·b].
func depthToSpace(c *call) error {
	x := c.arg(0)
	b := c.Int("blocksize", 0)
	c.set(0, x.typ, false, nil)
	if b < 1 || b > 1<<20 {
		return fmt.Errorf("blocksize is %d", b)
	}
	if !x.ranked {
		return nil
	}
	if len(x.shape) != 4 {
		return fmt.Errorf("data of shape %v, it takes [N, C, H, W]", x.shape)
	}
	by := []int64{b * b, b, b}
	out := append([]Dim{}, x.shape...)
	for i, k := range by {
		d := x.shape[1+i]
		shrinks := (i == 0) == (c.Op == "DepthToSpace")
		switch {
		case !d.known():
			out[1+i] = unknown
		case shrinks && d.Value%k != 0:
			return fmt.Errorf("axis %d of %v does not divide by %d", 1+i, x.shape, k)
		case shrinks:
			out[1+i] = fixed(d.Value / k)
		default:
			v, err := mul(d.Value, k)
			if err != nil {
				return err
			}
			out[1+i] = fixed(v)
		}
	}
	c.set(0, x.typ, true, out)
	return nil
}
