package native

import (
	"errors"
	"fmt"
	"strings"

	"assay/bench/kernel/ew"
)

func init() {
	register(opDef{min: 1, max: 1 << 16, attrs: []string{"equation"}, plan: byFirst(typed{f32: planEinsum[float32], f64: planEinsum[float64], i32: planEinsum[int32], i64: planEinsum[int64]})}, "Einsum")
}

// planEinsum plans sums of products over named dimensions (NumPy's einsum):
// one loop over the names of the result and those that are summed up.
func planEinsum[T number](b *builder, n *node) error {
	y := n.out[0]
	if err := want(n.in[0].typ, append([]*value{y}, n.in...)...); err != nil {
		return err
	}
	terms, result, err := equation(n.attrs.Str("equation", ""), n.in)
	if err != nil {
		return err
	}
	if len(terms) != len(n.in) {
		return fmt.Errorf("%d terms for %d operands", len(terms), len(n.in))
	}
	names := result
	for _, t := range terms {
		for _, c := range t {
			if !strings.ContainsRune(names, c) {
				names += string(c)
			}
		}
	}
	dims, steps := make([]int, len(names)), make([][]int, len(terms)+1)
	for i, term := range append([]string{result}, terms...) {
		v := y
		if i > 0 {
			v = n.in[i-1]
		}
		if len(term) != len(v.shape) {
			return fmt.Errorf("term %q for operand %v", term, v.shape)
		}
		steps[i] = make([]int, len(names))
		for d, s := range ew.Contiguous(v.shape) {
			k := strings.IndexByte(names, term[d])
			if size := v.shape[d]; dims[k] != 0 && dims[k] != size {
				return fmt.Errorf("dimension %q is both %d and %d: %w", term[d:d+1], dims[k], size, errors.ErrUnsupported)
			}
			dims[k] = v.shape[d]
			steps[i][k] += s // a name that appears twice walks along the diagonal
		}
	}
	e, out, slots, views := b.env, b.slot(y), make([]int, len(terms)), make([][]T, len(terms))
	for i, v := range n.in {
		slots[i] = b.slot(v)
	}
	walk := &spread{dims: dims, at: make([]int, len(dims)), steps: steps, pos: make([]int, len(steps))}
	b.step(func() {
		for i, s := range slots {
			views[i] = view[T](e, s)
		}
		dst := view[T](e, out)
		clear(dst)
		walk.each(func(_ int, pos []int) {
			v := T(1)
			for i, x := range views {
				v *= x[pos[i+1]]
			}
			dst[pos[0]] += v
		})
	})
	return nil
}

// equation reads "ij,jk->ik". Without an arrow the result has the names that
// appear once, in alphabetical order. Three dots are dimensions without names,
// as many as operand has besides: they are called by digits.
func equation(s string, operands []*value) (terms []string, result string, err error) {
	const dots, digits = "...", "0123456789"
	s = strings.ReplaceAll(s, " ", "")
	left, result, arrow := strings.Cut(s, "->")
	if strings.Contains(s, dots) {
		first, _, _ := strings.Cut(left, ",")
		free := len(operands[0].shape) - len(strings.ReplaceAll(first, dots, ""))
		if !arrow || free < 0 || free > len(digits) || strings.Count(left, dots) != len(operands) {
			return nil, "", fmt.Errorf("equation %q: %w (with an arrow, and dots in every term or in none, it is)", s, errors.ErrUnsupported)
		}
		left, result = strings.ReplaceAll(left, dots, digits[:free]), strings.ReplaceAll(result, dots, digits[:free])
	}
	for _, c := range strings.ReplaceAll(left, ",", "") + result {
		if c > 127 {
			return nil, "", fmt.Errorf("equation %q: names are letters", s)
		}
	}
	terms = strings.Split(left, ",")
	if arrow {
		return terms, result, nil
	}
	for c := 'A'; c <= 'z'; c++ {
		if strings.Count(left, string(c)) == 1 {
			result += string(c)
		}
	}
	return terms, result, nil
}
