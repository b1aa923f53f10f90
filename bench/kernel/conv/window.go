package conv

// Windowed reports whether the shape is a depthwise one whose kernels may move
// along the lines: 3×3 taps, columns of them next to each other, of which one
// at most hangs over each edge.
func (s Shape) Windowed() bool {
	right := (s.OW-1)*s.SW + s.KW - s.Left - s.W
	return s.Depthwise() && s.KH == 3 && s.KW == 3 && s.DW == 1 && s.SW <= 2 && s.Left <= 1 && right <= 1
}

// Columns says what n outputs of a windowed shape, from column ox on, read of a
// line: their middle columns begin with first, and last is the last column.
// left is 0 where there is no column left of first, and right where there is
// none right of the last output's middle one; they are 1 elsewhere.
func (s Shape) Columns(ox, n int) (left, right, first, last int) {
	first = ox*s.SW - s.Left + 1
	left, right = min(first, 1), 1
	if last = first + (n-1)*s.SW + 1; last >= s.W {
		right, last = 0, s.W-1
	}
	return left, right, first, last
}
