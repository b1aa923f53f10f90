package conv

import "assay/bench/kernel/gemm"

// Winograd's minimal filtering F(2×2, 3×3) computes four outputs with 16
// multiplications instead of 36 (Lavin and Gray 2016, "Fast Algorithms for
// Convolutional Neural Networks", §4.1):
//
//	Y = Aᵀ·[(G·g·Gᵀ) ⊙ (Bᵀ·d·B)]·A
//
// for a 4×4 tile d of the input and a 3×3 kernel g. Products of many tiles are
// 16 matrix products, one for each element of a tile. Sums of inputs cancel, so
// that the error is bounded by the tile's inputs, not by those of an output
// alone (TestWinograd has the bound); NaN and Inf reach all four outputs.
var filter = [4][3]float64{{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}} // G

// points are the elements of a tile.
const points = 16

// transforms are the additions around the products, channel by channel. in
// computes dst[(4i+j)·plane+c] = (Bᵀ·d·B)[i,j] of d[i,j] = src[i·line+j·channels+c];
// out computes y[i·below+j·channels+c] = clamp((Aᵀ·z·A)[i,j] + bias[c] +
// add[i·below+j·channels+c], lo, hi) of z[i,j] = src[(4i+j)·plane+c].
type transforms struct {
	in  func(dst []float32, plane int, src []float32, line, channels int)
	out func(y []float32, below int, src []float32, plane, channels int, ep gemm.Epilogue)
}

var chosen = archTransforms()

// tilesBytes is what the tiles that are multiplied at once may take before and
// after: most of an L2 cache of 512 KiB; enoughTiles are multiplied in any case,
// so that weights are read for as many.
const (
	tilesBytes  = 384 << 10
	enoughTiles = 24
)

// winogradable reports whether there are channels enough that the products
// outweigh the additions.
func winogradable(s Shape) bool {
	return s.KH == 3 && s.KW == 3 && s.SH == 1 && s.SW == 1 && s.DH == 1 && s.DW == 1 && s.Groups == 1 && s.C >= 32 && s.M >= 32
}

// winogradCost is what a convolution then takes of the time of gemm_lines: 0.54
// to 0.89, the geometric mean of seven layers of 7² to 56² pixels and 32 to 512
// channels on Zen 3.
const winogradCost = 0.7

// packTiles transforms the weights; an element is rounded once.
func packTiles(c *Conv, w []float32) {
	n := c.C * c.M
	for p := range points {
		var taps [][]float32
		var factors []float64
		for ky, gy := range filter[p/4] {
			for kx, gx := range filter[p%4] {
				if gy*gx != 0 {
					taps, factors = append(taps, w[(ky*3+kx)*n:][:n]), append(factors, gy*gx)
				}
			}
		}
		u := make([]float32, n)
		for i := range u {
			var sum float64
			for t, f := range factors {
				sum += f * float64(taps[t][i])
			}
			u[i] = float32(sum)
		}
		c.groups = append(c.groups, gemm.Pack(u, c.C, c.M, false))
	}
}

// tileRows returns how many rows of tiles are multiplied at once.
func (c *Conv) tileRows() int {
	high, wide := (c.OH+1)/2, (c.OW+1)/2
	rows := max(tilesBytes/(4*points*(c.C+c.M)*wide), (enoughTiles+wide-1)/wide)
	return min(rows, high)
}

func tileScratch(c *Conv) int {
	tiles := c.tileRows() * ((c.OW + 1) / 2)
	return points * (tiles*(c.C+c.M) + max(c.C, c.M))
}

// overTiles computes all tiles that have pixels of [from, to).
func overTiles(c *Conv, y, x, scratch []float32, ep *gemm.Epilogue, from, to int) {
	image, rows := c.OH*c.OW, c.tileRows()
	for n := from / image; n*image < to; n++ {
		t := tiling{Conv: c, y: y, x: x[n*c.H*c.W*c.C:][:c.H*c.W*c.C], ep: ep, base: n * image, from: from, to: to}
		last := (min(to-n*image, image)-1)/c.OW/2 + 1
		for row := max(from-n*image, 0) / c.OW / 2; row < last; row += rows {
			t.multiply(row, min(row+rows, last), scratch)
		}
	}
}

// A tiling computes tiles of one image.
type tiling struct {
	*Conv
	y, x     []float32
	ep       *gemm.Epilogue
	base     int // first pixel of the image, counted through the batch
	from, to int
}

// multiply computes the tiles of rows [first, end).
func (t *tiling) multiply(first, end int, scratch []float32) {
	wide, none := (t.OW+1)/2, gemm.None()
	tiles := (end - first) * wide
	in, scratch := scratch[:points*tiles*t.C], scratch[points*tiles*t.C:]
	out, edge := scratch[:points*tiles*t.M], scratch[points*tiles*t.M:]
	for i := range tiles {
		t.load(in[i*t.C:], tiles*t.C, 2*(first+i/wide)-t.Top, 2*(i%wide)-t.Left, edge)
	}
	for p, b := range t.groups {
		b.Mul(out[p*tiles*t.M:], t.M, gemm.A{Data: in[p*tiles*t.C:], Stride: t.C}, tiles, &none)
	}
	for i := range tiles {
		t.store(out[i*t.M:], tiles*t.M, 2*(first+i/wide), 2*(i%wide), edge)
	}
}

// load transforms the input tile that begins at line iy and column ix; what
// lies outside of the image is zero.
func (t *tiling) load(dst []float32, plane, iy, ix int, edge []float32) {
	if iy >= 0 && ix >= 0 && iy+4 <= t.H && ix+4 <= t.W {
		chosen.in(dst, plane, t.x[(iy*t.W+ix)*t.C:], t.W*t.C, t.C)
		return
	}
	edge = edge[:points*t.C]
	for i := range points {
		y, x, d := iy+i/4, ix+i%4, edge[i*t.C:][:t.C]
		if y < 0 || y >= t.H || x < 0 || x >= t.W {
			clear(d)
			continue
		}
		copy(d, t.x[(y*t.W+x)*t.C:])
	}
	chosen.in(dst, plane, edge, 4*t.C, t.C)
}

// store transforms the products of the tile whose first output is at line oy
// and column ox; outputs that are not asked for are left alone.
func (t *tiling) store(src []float32, plane, oy, ox int, edge []float32) {
	p := t.base + oy*t.OW + ox
	if oy+2 <= t.OH && ox+2 <= t.OW && p >= t.from && p+t.OW+1 < t.to {
		e := *t.ep
		slice(&e, t.ep, p*t.M, 0, t.M)
		chosen.out(t.y[p*t.M:], t.OW*t.M, src, plane, t.M, e)
		return
	}
	none := gemm.None()
	none.Bias = t.ep.Bias
	chosen.out(edge, 2*t.M, src, plane, t.M, none)
	for i := range 4 {
		q := p + i/2*t.OW + i%2
		if oy+i/2 >= t.OH || ox+i%2 >= t.OW || q < t.from || q >= t.to {
			continue
		}
		out := t.y[q*t.M:][:t.M]
		copy(out, edge[i*t.M:])
		if t.ep.Add != nil {
			for j, v := range t.ep.Add[q*t.M:][:t.M] {
				out[j] += v
			}
		}
		t.ep.Clamp(out)
	}
}
