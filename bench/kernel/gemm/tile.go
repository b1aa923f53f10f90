package gemm

// tile2x4 keeps a 2×4 tile of C in registers: with 16 registers on amd64, a
// larger tile spills in Go's compiler (4×4 runs at about half the speed).
func tile2x4(c []float32, ldc int, a A, b []float32, m, n, k int) {
	runs, each := a.split(k)
	for j := 0; j < n; j += 4 {
		panel := b[j*k:][:4*k]
		w := min(4, n-j)
		i := 0
		for ; i+2 <= m; i += 2 {
			var t [8]float32
			for r := range runs {
				x, y := a.Data[i*a.Stride+r*a.Skip:], a.Data[(i+1)*a.Stride+r*a.Skip:]
				micro2x4(&t, x, y, panel[4*r*each:], each)
			}
			copy(c[i*ldc+j:][:w], t[:4])
			copy(c[(i+1)*ldc+j:][:w], t[4:])
		}
		if i < m {
			var t [4]float32
			for r := range runs {
				micro1x4(&t, a.Data[i*a.Stride+r*a.Skip:], panel[4*r*each:], each)
			}
			copy(c[i*ldc+j:][:w], t[:])
		}
	}
}

// micro2x4 adds to two rows of a panel: t[x] += Σ a0[p]·b[4p+x], t[4+x] += Σ a1[p]·b[4p+x].
func micro2x4(t *[8]float32, a0, a1, b []float32, k int) {
	a0, a1 = a0[:k], a1[:k]
	c00, c01, c02, c03, c10, c11, c12, c13 := t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[7]
	for p := 0; p < len(a0) && p < len(a1) && len(b) >= 4; p++ { // the conditions remove the bounds checks
		b0, b1, b2, b3 := b[0], b[1], b[2], b[3]
		b = b[4:]
		x, y := a0[p], a1[p]
		c00 += x * b0
		c01 += x * b1
		c02 += x * b2
		c03 += x * b3
		c10 += y * b0
		c11 += y * b1
		c12 += y * b2
		c13 += y * b3
	}
	*t = [8]float32{c00, c01, c02, c03, c10, c11, c12, c13}
}

// micro1x4 adds to one row of a panel.
func micro1x4(t *[4]float32, a, b []float32, k int) {
	a = a[:k]
	c0, c1, c2, c3 := t[0], t[1], t[2], t[3]
	for p := 0; p < len(a) && len(b) >= 4; p++ {
		x := a[p]
		c0 += x * b[0]
		c1 += x * b[1]
		c2 += x * b[2]
		c3 += x * b[3]
		b = b[4:]
	}
	*t = [4]float32{c0, c1, c2, c3}
}
