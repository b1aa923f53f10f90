package compress

import "math"

// Blocks are a matrix in few bits: every block of neighbours in a row has a
// scale, and perhaps a zero point; a weight is scale·(q − zero) (ONNX
// Runtime's MatMulNBits; ONNX's blocked DequantizeLinear).
type blocks struct {
	bits, size int // of an integer, of a block
	rows, cols int
	q          []uint8   // rows×cols, 0 … 2^bits − 1
	scales     []float32 // rows×per
	zeros      []float32 // rows×per
	integers   bool      // whether zeros are whole numbers
	middle     bool      // whether all zeros are 2^(bits−1)
}

func newBlocks(bits, size, rows, cols int, asymmetric bool) *blocks {
	b := &blocks{bits: bits, size: size, rows: rows, cols: cols, integers: true, middle: !asymmetric}
	b.q = make([]uint8, rows*cols)
	b.scales, b.zeros = make([]float32, rows*b.per()), make([]float32, rows*b.per())
	return b
}

// per returns the number of blocks in a row, the last one perhaps short.
func (b *blocks) per() int { return (b.cols + b.size - 1) / b.size }

// block returns the bounds in a row of the k-th block.
func (b *blocks) block(k int) (from, to int) { return k * b.size, min((k+1)*b.size, b.cols) }

func (b *blocks) top() float64 { return float64(int(1)<<b.bits - 1) }

// fit chooses the scale and zero point of block k of a row for the values w, as
// ONNX Runtime's quantizer does: where symmetric, the value of the largest
// magnitude becomes 0 and the zero point is the middle, so that the scale is
// that value over −2^(bits−1); else the range, widened to 0, becomes all
// integers.
func (b *blocks) fit(row, k int, w []float64) {
	at := row*b.per() + k
	half := math.Exp2(float64(b.bits - 1))
	low, high := 0.0, 0.0
	for _, x := range w {
		low, high = min(low, x), max(high, x)
	}
	if b.middle {
		most := high
		if -low > high {
			most = low
		}
		b.scales[at], b.zeros[at] = float32(-most/half), float32(half)
		if most == 0 {
			b.scales[at] = 1
		}
		return
	}
	s := float32((high - low) / b.top())
	if s == 0 {
		s = 1
	}
	b.scales[at] = s
	b.zeros[at] = float32(min(max(math.RoundToEven(-low/float64(s)), 0), b.top()))
}

// code returns the integer for w in the block that column col of row is in.
func (b *blocks) code(row, col int, w float64) uint8 {
	at := row*b.per() + col/b.size
	return uint8(min(max(math.RoundToEven(w/float64(b.scales[at])+float64(b.zeros[at])), 0), b.top()))
}

// real returns what the integer at row and col stands for.
func (b *blocks) real(row, col int) float32 {
	at := row*b.per() + col/b.size
	return (float32(b.q[row*b.cols+col]) - b.zeros[at]) * b.scales[at]
}

// nearest quantizes m by rounding to nearest.
func (b *blocks) nearest(m []float64) {
	for row := range b.rows {
		w := m[row*b.cols : (row+1)*b.cols]
		for k := range b.per() {
			from, to := b.block(k)
			b.fit(row, k, w[from:to])
			for col := from; col < to; col++ {
				b.q[row*b.cols+col] = b.code(row, col, w[col])
			}
		}
	}
}

// values returns the matrix that b stands for.
func (b *blocks) values() []float64 {
	out := make([]float64, len(b.q))
	for i := range out {
		out[i] = float64(b.real(i/b.cols, i%b.cols))
	}
	return out
}

// packed returns the integers as MatMulNBits wants them: rows × blocks ×
// block bytes, blocks padded with zeros, the first of two nibbles low.
func (b *blocks) packed() []byte {
	bytes := b.size * b.bits / 8
	out := make([]byte, b.rows*b.per()*bytes)
	for i, q := range b.q {
		row, col := i/b.cols, i%b.cols
		at := (row*b.per() + col/b.size) * bytes
		if b.bits == 8 {
			out[at+col%b.size] = q
		} else {
			out[at+col%b.size/2] |= q << (4 * (col % 2))
		}
	}
	return out
}

// packedZeros returns whole zero points as MatMulNBits wants them: a row's
// side by side, padded to whole bytes.
func (b *blocks) packedZeros() []byte {
	if b.bits == 8 {
		out := make([]byte, len(b.zeros))
		for i, z := range b.zeros {
			out[i] = byte(z)
		}
		return out
	}
	bytes := (b.per() + 1) / 2
	out := make([]byte, b.rows*bytes)
	for i, z := range b.zeros {
		row, k := i/b.per(), i%b.per()
		out[row*bytes+k/2] |= byte(z) << (4 * (k % 2))
	}
	return out
}

// nibbles packs q two to a byte, the first one low, without regard to rows, as
// ONNX stores int4 and uint4.
func nibbles(q []uint8) []byte {
	out := make([]byte, (len(q)+1)/2)
	for i, v := range q {
		out[i/2] |= v & 15 << (4 * (i % 2))
	}
	return out
}
