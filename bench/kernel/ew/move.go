package ew

// A Move copies a box of elements between two tensors, each with its own
// strides: a transposition, a slice, a part of a concatenation or of a padded
// tensor.
type Move struct {
	run      int   // bytes that are copied at once
	dims     []int // of the box, in runs
	dst, src []int // strides in bytes; src's may be negative
	d, s     int   // offsets in bytes
	at       []int // the running index, kept so that Run need not allocate
}

// Contiguous returns the strides of a row-major tensor.
func Contiguous(shape []int) []int {
	s := make([]int, len(shape))
	step := 1
	for i := len(shape) - 1; i >= 0; i-- {
		s[i] = step
		step *= shape[i]
	}
	return s
}

// NewMove plans a copy of dims elements of size bytes; strides and offsets
// are in elements. Trailing dimensions that are contiguous on both sides
// are copied at once.
func NewMove(size int, dims, dst, src []int, dstOff, srcOff int) *Move {
	m := &Move{d: dstOff * size, s: srcOff * size}
	run := size
	k := len(dims)
	for ; k > 0 && dst[k-1]*size == run && src[k-1]*size == run; k-- {
		run *= dims[k-1]
	}
	m.run = run
	for i := range k {
		m.dims, m.dst, m.src = append(m.dims, dims[i]), append(m.dst, dst[i]*size), append(m.src, src[i]*size)
	}
	m.at = make([]int, k)
	return m
}

// Run copies. It does not allocate; m must not be shared by threads.
func (m *Move) Run(dst, src []byte) {
	if m.run == 0 {
		return
	}
	for _, d := range m.dims {
		if d == 0 {
			return
		}
	}
	clear(m.at)
	d, s := m.d, m.s
	for {
		switch m.run {
		case 1:
			dst[d] = src[s]
		case 4:
			*(*[4]byte)(dst[d:]) = *(*[4]byte)(src[s:])
		default:
			copy(dst[d:d+m.run], src[s:])
		}
		k := len(m.dims) - 1
		for ; k >= 0; k-- {
			m.at[k]++
			d += m.dst[k]
			s += m.src[k]
			if m.at[k] < m.dims[k] {
				break
			}
			d -= m.dst[k] * m.dims[k]
			s -= m.src[k] * m.dims[k]
			m.at[k] = 0
		}
		if k < 0 {
			return
		}
	}
}
