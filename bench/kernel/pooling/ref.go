package pooling

func maximum(y, x []float32, w window, least float32) {
	for i := range y {
		y[i] = least
	}
	w.each(func(at int) {
		for i, v := range x[at:][:len(y)] {
			if !(v <= y[i]) && y[i] == y[i] {
				y[i] = v
			}
		}
	})
}

func maximumBytes(y, x []byte, w window, signed bool) {
	flip := byte(0) // int8 compare as uint8 with another highest bit
	if signed {
		flip = 0x80
	}
	for i := range y {
		y[i] = flip
	}
	w.each(func(at int) {
		for i, v := range x[at:][:len(y)] {
			y[i] = max(v^flip, y[i]^flip) ^ flip
		}
	})
}

// sum adds up rows of len(y) elements.
func sum(y, x []float32, rows int) {
	clear(y)
	for r := range rows {
		for i, v := range x[r*len(y):][:len(y)] {
			y[i] += v
		}
	}
}

func sumBytes(y []int32, x []byte, signed bool, rows int) {
	sumColumns(y, x, signed, rows, len(y))
}

// sumColumns adds up rows that lie stride elements apart.
func sumColumns(y []int32, x []byte, signed bool, rows, stride int) {
	clear(y)
	for r := range rows {
		for i, v := range x[r*stride:][:len(y)] {
			if signed {
				y[i] += int32(int8(v))
			} else {
				y[i] += int32(v)
			}
		}
	}
}
