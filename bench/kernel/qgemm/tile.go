package qgemm

// chunk bounds the inner size that one pass adds up: a lane's sum stays below
// 2³¹ as long as k·255·128 does, so it cannot spill into its neighbour.
const chunk = 1 << 15

// tile4x4 computes two rows with every multiplication: the activations of a
// pair of rows are packed as x + y·2³² into one int64, and its product with a
// weight holds both products; the low lane's sign is borrowed from the high
// one and given back in the end.
func tile4x4(p *B, c []int32, ldc int, a Matrix, m int, scratch []int64) {
	b, n, k := p.data, p.N, p.K
	if k == 0 {
		for i := range m {
			clear(c[i*ldc:][:n])
		}
	}
	for k0 := 0; k0 < k; k0 += chunk {
		kc := min(chunk, k-k0)
		for i := 0; i < m; i += 4 {
			rows := min(4, m-i)
			x, y := scratch[:kc], scratch[kc:][:kc]
			pair(x, a, i, min(rows, 2), k0)
			pair(y, a, i+2, rows-2, k0)
			for j := 0; j < n; j += 4 {
				var t [16]int32
				panel := b[j*k+4*k0:][:4*kc]
				if rows > 2 {
					micro4x4(&t, x, y, panel)
				} else {
					micro2x4(&t, x, panel)
				}
				store(c[i*ldc+j:], ldc, &t, rows, min(4, n-j), k0 > 0)
			}
		}
	}
}

// pair packs rows i and i+1 of a, from column k0 on, the zero point taken
// away. A single row is packed twice, none not at all.
func pair(dst []int64, a Matrix, i, rows, k0 int) {
	if rows <= 0 {
		return
	}
	x := a.Data[i*a.Stride+k0:][:len(dst)]
	y := x
	if rows > 1 {
		y = a.Data[(i+1)*a.Stride+k0:][:len(dst)]
	}
	z := int64(a.Zero)
	if a.Signed {
		for p := range dst {
			dst[p] = int64(int8(x[p])) - z + (int64(int8(y[p]))-z)<<32
		}
		return
	}
	for p := range dst {
		dst[p] = int64(x[p]) - z + (int64(y[p])-z)<<32
	}
}

// split separates the lanes of a sum.
func split(s int64) (x, y int32) {
	x = int32(s)
	return x, int32((s - int64(x)) >> 32)
}

// micro4x4 computes four rows of a panel: t[4i+j] for rows x, x', y, y'.
func micro4x4(t *[16]int32, x, y []int64, b []int8) {
	var c00, c01, c02, c03, c10, c11, c12, c13 int64
	for p := 0; p < len(x) && p < len(y) && len(b) >= 4; p++ {
		b0, b1, b2, b3 := int64(b[0]), int64(b[1]), int64(b[2]), int64(b[3])
		b = b[4:]
		u, v := x[p], y[p]
		c00 += u * b0
		c01 += u * b1
		c02 += u * b2
		c03 += u * b3
		c10 += v * b0
		c11 += v * b1
		c12 += v * b2
		c13 += v * b3
	}
	t[0], t[4] = split(c00)
	t[1], t[5] = split(c01)
	t[2], t[6] = split(c02)
	t[3], t[7] = split(c03)
	t[8], t[12] = split(c10)
	t[9], t[13] = split(c11)
	t[10], t[14] = split(c12)
	t[11], t[15] = split(c13)
}

// micro2x4 computes two rows of a panel.
func micro2x4(t *[16]int32, x []int64, b []int8) {
	var c0, c1, c2, c3 int64
	for p := 0; p < len(x) && len(b) >= 4; p++ {
		u := x[p]
		c0 += u * int64(b[0])
		c1 += u * int64(b[1])
		c2 += u * int64(b[2])
		c3 += u * int64(b[3])
		b = b[4:]
	}
	t[0], t[4] = split(c0)
	t[1], t[5] = split(c1)
	t[2], t[6] = split(c2)
	t[3], t[7] = split(c3)
}

// store writes, or adds, the first rows and cols of a tile.
func store(c []int32, ldc int, t *[16]int32, rows, cols int, add bool) {
	for i := range rows {
		row := c[i*ldc:][:cols]
		for j := range row {
			if add {
				row[j] += t[4*i+j]
			} else {
				row[j] = t[4*i+j]
			}
		}
	}
}
