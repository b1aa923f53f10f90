package onnx

import (
	"fmt"
	"slices"
	"strings"

	"assay/models/tensor"
)

func init() {
	register(2, func(c *call) error { return matMul(c, c.arg(0), c.arg(1), c.arg(0).typ) }, "MatMul")
	register(2, func(c *call) error { return matMul(c, c.arg(0), c.arg(1), tensor.Int32) }, "MatMulInteger")
	// a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero
	register(8, func(c *call) error { return matMul(c, c.arg(0), c.arg(3), c.arg(7).typ) }, "QLinearMatMul")
	registerIn("com.microsoft", 4, func(c *call) error { return matMul(c, c.arg(0), c.arg(1), c.arg(2).typ) }, "MatMulIntegerToFloat")
	registerIn("com.microsoft", 3, func(c *call) error { return matMul(c, c.arg(0), c.arg(1), c.arg(0).typ) }, "DynamicQuantizeMatMul")
	registerIn("com.microsoft", 3, matMulNBits, "MatMulNBits")
	register(2, gemm, "Gemm")
	register(1, einsum, "Einsum")
	registerIn("com.microsoft", 2, gemm, "FusedGemm")
}

// matMul follows numpy.matmul: the last two axes multiply, those before
// broadcast, a vector is a row on the left and a column on the right.
func matMul(c *call, a, b *value, typ tensor.Type) error {
	c.set(0, typ, false, nil)
	if !a.ranked || !b.ranked {
		return nil
	}
	x, y := a.shape, b.shape
	if len(x) == 0 || len(y) == 0 {
		return fmt.Errorf("operands of shapes %v and %v: neither may be a scalar", x, y)
	}
	row, col := len(x) == 1, len(y) == 1
	if row {
		x = []Dim{fixed(1), x[0]}
	}
	if col {
		y = []Dim{y[0], fixed(1)}
	}
	p, q := len(x)-2, len(y)-2
	if x[p+1].differs(y[q]) {
		return fmt.Errorf("operands of shapes %v and %v: %v columns meet %v rows", a.shape, b.shape, x[p+1], y[q])
	}
	out, err := broadcast(x[:p], y[:q])
	if err != nil {
		return err
	}
	if !row {
		out = append(out, x[p])
	}
	if !col {
		out = append(out, y[q+1])
	}
	c.set(0, typ, true, out)
	return nil
}

// matMulNBits: A [.., K], B packed → [.., N].
func matMulNBits(c *call) error {
	a := c.arg(0)
	c.set(0, a.typ, false, nil)
	if !a.ranked || len(a.shape) == 0 {
		return nil
	}
	k, n := c.Int("K", 0), c.Int("N", 0)
	if n < 1 || n > maxAttr || a.shape[len(a.shape)-1].differs(fixed(k)) {
		return fmt.Errorf("data of shape %v, K is %d and N is %d", a.shape, k, n)
	}
	out := append([]Dim{}, a.shape...)
	out[len(out)-1] = fixed(n)
	c.set(0, a.typ, true, out)
	return nil
}

// gemm: A [M, K] (or transposed), B [K, N] (or transposed), C broadcasts to [M, N].
func gemm(c *call) error {
	a, b := c.arg(0), c.arg(1)
	c.set(0, a.typ, false, nil)
	if !a.ranked || !b.ranked {
		return nil
	}
	if len(a.shape) != 2 || len(b.shape) != 2 {
		return fmt.Errorf("operands of shapes %v and %v, it takes matrices", a.shape, b.shape)
	}
	m, k, k2, n := a.shape[0], a.shape[1], b.shape[0], b.shape[1]
	if c.Int("transA", 0) != 0 {
		m, k = k, m
	}
	if c.Int("transB", 0) != 0 {
		k2, n = n, k2
	}
	if k.differs(k2) {
		return fmt.Errorf("operands of shapes %v and %v: %v columns meet %v rows", a.shape, b.shape, k, k2)
	}
	out := []Dim{m, n}
	if bias := c.arg(2); bias.ranked {
		s, err := broadcast(out, bias.shape)
		if err != nil || len(s) != 2 || m.differs(s[0]) || n.differs(s[1]) {
			return fmt.Errorf("input 2 of shape %v does not broadcast to %v", bias.shape, out)
		}
	}
	c.set(0, a.typ, true, out)
	return nil
}

// einsum reads an equation such as "bij,bjk->bik"; with an ellipsis the
// output stays unknown.
func einsum(c *call) error {
	c.set(0, c.arg(0).typ, false, nil)
	eq := strings.ReplaceAll(c.Str("equation", ""), " ", "")
	if strings.Contains(eq, ".") {
		return nil
	}
	left, right, explicit := strings.Cut(eq, "->")
	terms := strings.Split(left, ",")
	if len(terms) != len(c.in) {
		return fmt.Errorf("equation %q has %d terms for %d inputs", eq, len(terms), len(c.in))
	}
	sizes, count := map[rune]Dim{}, map[rune]int{}
	for i, term := range terms {
		x := c.arg(i)
		if !x.ranked {
			return nil
		}
		if len(term) != len(x.shape) {
			return fmt.Errorf("equation %q: term %q for an input of shape %v", eq, term, x.shape)
		}
		for k, r := range []byte(term) {
			d, known := sizes[rune(r)]
			if known && d.differs(x.shape[k]) && !d.is(1) && !x.shape[k].is(1) {
				return fmt.Errorf("equation %q: %q is both %v and %v", eq, r, d, x.shape[k])
			}
			if !known || !d.known() || d.is(1) {
				sizes[rune(r)] = x.shape[k]
			}
			count[rune(r)]++
		}
	}
	if !explicit { // the letters that occur once, in order of the alphabet
		for r, n := range count {
			if n == 1 {
				right += string(r)
			}
		}
		letters := []rune(right)
		slices.Sort(letters)
		right = string(letters)
	}
	out := []Dim{}
	for _, r := range right {
		d, ok := sizes[r]
		if !ok {
			return fmt.Errorf("equation %q: %q is in no term", eq, r)
		}
		out = append(out, d)
	}
	c.set(0, c.arg(0).typ, true, out)
	return nil
}
