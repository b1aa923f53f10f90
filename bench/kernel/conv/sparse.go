package conv

import (
	"assay/bench/kernel/gemm"
	"assay/bench/kernel/spmm"
)

// A sparse is a convolution whose weights are mostly zero. The image is turned
// into planes, one for each channel, in which pixels lie next to each other;
// a weight then multiplies the pixels of a plane from some place on. Lines
// follow each other with their padding between them, so that vectors run on
// from line to line and no pixel hangs over the edge. With strides, pixels
// that meet the same weights are every SH-th of every SW-th line: they get
// planes of their own (a phase).
type sparse struct {
	*spmm.Matrix
	phases  []phase
	pitch   int // pixels from line to line of a plane
	beyond  int // pixels of a plane that the last output reads beyond its own
	vectors int // of output pixels in a tile
	plane   int // floats from plane to plane of a tile
}

// A phase is where the lines and columns of a plane begin.
type phase struct{ line, col int }

// sparseable reports whether there is one matrix of weights.
func sparseable(s Shape) bool { return s.Groups == 1 }

// SparsePays reports whether the sparse form of w, as in ONNX, costs less than
// the dense one, both counted in multiply-adds of the dense one (spmm.Cost):
//
//	flat·Pixel(entries, M) + (turned + Pixels·M)·Turn < Pixels·M·(K + 10)
//
// where flat are the pixels computed, with those between lines and those that
// fill the last vector, and turned the floats of all tiles; 10 is what the
// dense product spends on storing an output, and the right side is less where
// the dense one is Winograd's. BenchmarkSparse measures where it holds; docs/performance.md has the table.
func SparsePays(s Shape, w []float32) bool {
	near := float64(s.KH*s.DH)*float64(s.OW+s.KW*s.DW) < maxBeyond
	return sparseable(s) && near && Pruned(w) && sparseCost(s, w) < 1
}

// maxBeyond bounds the pixels that an output reads beyond its own: more never
// pay, and their planes would not fit memory.
const maxBeyond = 1 << 20

// Pruned reports whether enough weights are zero that a shape may gain: a
// quarter.
func Pruned(w []float32) bool {
	zeros := 0
	for _, v := range w {
		if v == 0 {
			zeros++
		}
	}
	return 4*zeros >= len(w) && zeros > 0
}

// sparseCost is the cost of the sparse form in parts of the dense one's.
func sparseCost(s Shape, w []float32) float64 {
	f, p := flat(s), &sparse{Matrix: spmm.New(Order(&s, w), s.K(), s.M)}
	p.plan(&f)
	c, all := p.Cost(), p.all(&f)
	if s.KH*s.KW > 1 {
		c.Entry *= c.Shifted
	}
	tiles := (all + p.vectors - 1) / p.vectors
	turned := (all*p.Lanes() + tiles*p.beyond) * s.C * len(p.phases)
	stored := f.OH * f.OW * s.M
	cost := float64(all*p.Lanes())*c.Pixel(p.Entries, s.M, min(p.vectors, p.Vectors())) + float64(turned+stored)*c.Turn
	dense := float64(stored) * float64(s.K()+10)
	if winogradable(s) {
		dense *= winogradCost
	}
	return cost / dense
}

// all returns how many vectors of pixels an image has.
func (p *sparse) all(s *Shape) int { return (s.OH*p.pitch + p.Lanes() - 1) / p.Lanes() }

// Tiles are so large at most that they stay in L2 beside the sums, and what a
// strip reads of a reach of channels stays in L1, but a reach has so many
// entries for each column that loading and storing its sums is worth while.
const (
	tileBytes    = 256 << 10
	reachBytes   = 32 << 10
	reachEntries = 16
)

// flat returns s as the planes see it: pixels of a pointwise one are a line.
func flat(s Shape) Shape {
	if s.Pointwise() {
		s.N, s.H, s.W, s.OH, s.OW = 1, 1, s.Pixels(), 1, s.Pixels()
	}
	return s
}

func packSparse(c *Conv, w []float32) {
	s, p := flat(c.Shape), &sparse{Matrix: spmm.New(w, c.K(), c.M)}
	p.plan(&s)
	planes := len(p.phases)
	place := func(k int) int {
		ky, kx, ch := k/(s.KW*s.C)*s.DH, k/s.C%s.KW*s.DW, k%s.C
		at := ky/s.SH*p.pitch + kx/s.SW
		for i, ph := range p.phases {
			if ph == (phase{ky % s.SH, kx % s.SW}) {
				at += (ch*planes + i) * p.plane
			}
		}
		return at
	}
	strip := 4 * (p.Lanes()*min(p.vectors, p.Vectors()) + p.beyond) * planes * s.C
	reaches := max(1, min((strip+reachBytes/2)/reachBytes, p.Entries*p.Columns()/(reachEntries*s.M)))
	p.Pack(place, (s.C+reaches-1)/reaches*planes*p.plane)
	c.sparse = p
}

// plan chooses the sizes of tiles.
func (p *sparse) plan(s *Shape) {
	seen := map[phase]bool{}
	for ky := range s.KH {
		for kx := range s.KW {
			if ph := (phase{ky * s.DH % s.SH, kx * s.DW % s.SW}); !seen[ph] {
				seen[ph], p.phases = true, append(p.phases, ph)
			}
		}
	}
	more := (s.KW - 1) * s.DW / s.SW
	p.pitch = s.OW + more
	p.beyond = (s.KH-1)*s.DH/s.SH*p.pitch + more
	all := p.all(s)
	p.vectors = min(all, p.Vectors())
	size := func(vectors int) int { return 4 * s.C * len(p.phases) * (vectors*p.Lanes() + p.beyond) }
	for p.vectors < all && p.vectors*p.Lanes() < 4*p.beyond && size(p.vectors+p.Vectors()) <= tileBytes {
		p.vectors += p.Vectors()
	}
	// No multiple of a large power of two: planes would share sets of a cache.
	p.plane = roundUp(p.vectors*p.Lanes()+p.beyond, 16) | 16
}

func roundUp(n, m int) int { return (n + m - 1) / m * m }

// lines returns the pixels of a tile's lines, padding included, of one phase of
// lines and all columns.
func (p *sparse) lines(s *Shape) int { return roundUp(p.vectors*p.Lanes()+p.beyond, p.Lanes()) * s.SW }

func sparseScratch(c *Conv) int {
	p := c.sparse
	return len(p.phases)*c.C*p.plane + roundUp(p.lines(&c.Shape)*c.C, 16) + p.Scratch()
}

// overPlanes computes a sparse convolution.
func overPlanes(c *Conv, y, x, scratch []float32, ep *gemm.Epilogue, from, to int) {
	s, p, e := flat(c.Shape), c.sparse, *ep
	image := s.OH * s.OW
	for n := from / image; n*image < to; n++ {
		first, last := max(from-n*image, 0), min(to-n*image, image) // pixels of this image
		slice(&e, ep, n*image*c.M, 0, c.M)
		q := first/s.OW*p.pitch + first%s.OW
		end := (last-1)/s.OW*p.pitch + (last-1)%s.OW + 1
		for tiles := (end - q + p.vectors*p.Lanes() - 1) / (p.vectors * p.Lanes()); q < end; tiles-- {
			vectors := ((end-q+p.Lanes()-1)/p.Lanes() + tiles - 1) / tiles
			p.tile(&s, y[n*image*c.M:], x[n*s.H*s.W*s.C:], scratch, &e, q, min(end, q+vectors*p.Lanes()), vectors)
			q += vectors * p.Lanes()
		}
	}
}

// tile computes the flat pixels [q, end) of an image, so many vectors.
func (p *sparse) tile(s *Shape, y, x, scratch []float32, ep *gemm.Epilogue, q, end, vectors int) {
	planes := scratch[:len(p.phases)*s.C*p.plane]
	scratch = scratch[len(planes):]
	n := roundUp(p.lines(s)*s.C, 16)
	buf, scratch := scratch[:n], scratch[n:]
	p.turnAll(s, planes, x, buf, q, vectors*p.Lanes()+p.beyond)
	strip := spmm.Strip{Pitch: p.pitch, Width: s.OW, X: planes, First: q}
	for strips := (vectors + p.Vectors() - 1) / p.Vectors(); strips > 0; strips-- {
		strip.Vectors = (vectors + strips - 1) / strips
		next := strip.First + strip.Vectors*p.Lanes()
		strip.End = min(end, next)
		p.Sum(y, s.M, &strip, scratch, ep)
		strip.First, strip.X, vectors = next, strip.X[strip.Vectors*p.Lanes():], vectors-strip.Vectors
	}
}

// turnAll turns n pixels of every plane from flat pixel q on. Where a plane is
// the image as it is, only what lies beyond its end is copied first.
func (p *sparse) turnAll(s *Shape, planes, x, buf []float32, q, n int) {
	ld, lanes, copied := len(p.phases)*p.plane, p.Lanes(), -1
	whole := 0
	if s.Pointwise() {
		whole = min(n, s.W-q) / lanes * lanes
	}
	for i, ph := range p.phases {
		dst := planes[i*p.plane:]
		for at := 0; at < whole; at += lanes {
			p.Turn(dst[at:], ld, x[(q+at)*s.C:], s.C, s.C)
		}
		if whole < n && copied != ph.line {
			p.copyLines(s, buf, x, ph.line, q+whole, n-whole)
			copied = ph.line
		}
		for at := whole; at < n; at += lanes {
			p.Turn(dst[at:], ld, buf[((at-whole)*s.SW+ph.col)*s.C:], s.SW*s.C, s.C)
		}
	}
}

// copyLines copies the lines of n flat pixels from q on, with zeros where there
// is padding, into dst.
func (p *sparse) copyLines(s *Shape, dst, x []float32, line, q, n int) {
	dst = dst[:roundUp(n, p.Lanes())*s.SW*s.C]
	for len(dst) > 0 {
		iy, at := q/p.pitch*s.SH+line-s.Top, q%p.pitch
		count := p.pitch - at
		out := dst[:min(len(dst), count*s.SW*s.C)]
		dst = dst[len(out):]
		q += count
		if iy < 0 || iy >= s.H {
			clear(out)
			continue
		}
		left := at*s.SW - s.Left // column of the first pixel
		pad := min(max(-left, 0)*s.C, len(out))
		clear(out[:pad])
		row := x[iy*s.W*s.C:][:s.W*s.C]
		done := copy(out[pad:], row[min(max(left, 0)*s.C, len(row)):])
		clear(out[pad+done:])
	}
}
