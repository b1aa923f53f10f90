package spmm

// ref is the readable reference of sums.
func ref(vectors int, dst []float32, ld int, x []float32, s stream, bias []float32, lo, hi float32) {
	pixels, e := vectors, 0 // one pixel to a vector, one column to a group
	for j, n := range s.counts {
		row := dst[j*ld:][:pixels]
		if bias != nil {
			fill(row, bias[j])
		}
		place := 0
		for ; n > 0; n-- {
			place += int(s.steps[e])
			for p := range row {
				row[p] += s.values[e] * x[place+p]
			}
			e++
		}
		clamp(row, lo, hi)
	}
}

func fill(row []float32, v float32) {
	for p := range row {
		row[p] = v
	}
}

func clamp(row []float32, lo, hi float32) {
	for p, v := range row {
		if v < lo {
			v = lo
		}
		if v > hi {
			v = hi
		}
		row[p] = v
	}
}

// turns turns vectors of so many pixels.
func turns(lanes int) turning {
	return func(dst []float32, ld int, src []float32, stride, channels int) {
		for c := range channels {
			for p, out := 0, dst[c*ld:][:lanes]; p < lanes; p++ {
				out[p] = src[p*stride+c]
			}
		}
	}
}

func store(y []float32, ldy int, src []float32, ld, pixels, channels int, add []float32, lo, hi float32) {
	for p := range pixels {
		row := y[p*ldy:][:channels]
		for c := range row {
			row[c] = src[c*ld+p]
		}
		if add != nil {
			for c, v := range add[p*ldy:][:channels] {
				row[c] += v
			}
			clamp(row, lo, hi)
		}
	}
}
