package spmm

// sums1x8 keeps the sums of eight pixels in registers, or of four.
func sums1x8(vectors int, dst []float32, ld int, x []float32, s stream, bias []float32, lo, hi float32) {
	e := 0
	for j, n := range s.counts {
		row := dst[j*ld:][:4*vectors]
		if bias != nil {
			fill(row, bias[j])
		}
		steps, values := s.steps[e:][:n], s.values[e:][:n]
		if vectors == 2 {
			micro1x8((*[8]float32)(row), x, steps, values)
		} else {
			micro1x4((*[4]float32)(row), x, steps, values)
		}
		e += int(n)
		clamp(row, lo, hi)
	}
}

func micro1x8(t *[8]float32, x []float32, steps []uint16, values []float32) {
	c0, c1, c2, c3, c4, c5, c6, c7 := t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[7]
	for e := 0; e < len(steps) && e < len(values); e++ { // the conditions remove the bounds checks
		x = x[steps[e]:]
		p, w := (*[8]float32)(x), values[e]
		c0 += w * p[0]
		c1 += w * p[1]
		c2 += w * p[2]
		c3 += w * p[3]
		c4 += w * p[4]
		c5 += w * p[5]
		c6 += w * p[6]
		c7 += w * p[7]
	}
	*t = [8]float32{c0, c1, c2, c3, c4, c5, c6, c7}
}

func micro1x4(t *[4]float32, x []float32, steps []uint16, values []float32) {
	c0, c1, c2, c3 := t[0], t[1], t[2], t[3]
	for e := 0; e < len(steps) && e < len(values); e++ {
		x = x[steps[e]:]
		p, w := (*[4]float32)(x), values[e]
		c0 += w * p[0]
		c1 += w * p[1]
		c2 += w * p[2]
		c3 += w * p[3]
	}
	*t = [4]float32{c0, c1, c2, c3}
}
