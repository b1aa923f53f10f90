package native

import (
	"errors"
	"fmt"
	"math"

	"assay/models/tensor"
)

func init() {
	register(opDef{min: 2, max: 2, attrs: []string{"align_corners", "mode", "padding_mode"}, plan: planGridSample}, "GridSample")
}

// A sampler reads an image of h × w pixels at places between them.
type sampler struct {
	h, w          int
	mode, outside string
	corners       bool
}

// planGridSample plans the sampling of N×C×H×W images at the places of a grid
// N×H'×W'×2 of (x, y), −1 and 1 being the edges (Jaderberg et al. 2015).
func planGridSample(b *builder, n *node) error {
	x, grid, y := n.in[0], n.in[1], n.out[0]
	if err := want(tensor.Float32, x, grid, y); err != nil {
		return err
	}
	if len(x.shape) != 4 || len(grid.shape) != 4 || grid.shape[3] != 2 || len(y.shape) != 4 || x.len() == 0 ||
		grid.shape[0] != x.shape[0] || y.len() != x.shape[0]*x.shape[1]*grid.shape[1]*grid.shape[2] {
		return fmt.Errorf("input %v, grid %v, output %v", x.shape, grid.shape, y.shape)
	}
	s := sampler{x.shape[2], x.shape[3], n.attrs.Str("mode", "bilinear"), n.attrs.Str("padding_mode", "zeros"), n.attrs.Int("align_corners", 0) != 0}
	switch s.mode {
	case "bilinear", "nearest", "bicubic":
	default:
		return fmt.Errorf("mode %q: %w (bilinear, nearest and bicubic are)", s.mode, errors.ErrUnsupported)
	}
	switch s.outside {
	case "zeros", "border", "reflection":
	default:
		return fmt.Errorf("padding_mode %q (have zeros, border, reflection)", s.outside)
	}
	pixels, images := grid.shape[1]*grid.shape[2], x.shape[1]
	e, in, at, out := b.env, b.slot(x), b.slot(grid), b.slot(y)
	b.step(func() {
		src, places, dst := view[float32](e, in), view[float32](e, at), view[float32](e, out)
		for i := range dst {
			p := (i/(images*pixels)*pixels + i%pixels) * 2
			dst[i] = s.at(src[i/pixels*s.h*s.w:][:s.h*s.w], float64(places[p]), float64(places[p+1]))
		}
	})
	return nil
}

// at returns img at (x, y), each from −1 to 1.
func (s *sampler) at(img []float32, x, y float64) float32 {
	px, py := s.place(x, s.w), s.place(y, s.h)
	if s.mode == "nearest" {
		return s.pixel(img, math.RoundToEven(px), math.RoundToEven(py))
	}
	if s.mode == "bilinear" {
		x0, y0 := math.Floor(px), math.Floor(py)
		fx, fy := float32(px-x0), float32(py-y0)
		top := s.pixel(img, x0, y0)*(1-fx) + s.pixel(img, x0+1, y0)*fx
		low := s.pixel(img, x0, y0+1)*(1-fx) + s.pixel(img, x0+1, y0+1)*fx
		return top*(1-fy) + low*fy
	}
	sum := 0.0
	for j := -1.0; j <= 2; j++ {
		for i := -1.0; i <= 2; i++ {
			cx, cy := math.Floor(px)+i, math.Floor(py)+j
			sum += keys(px-cx, -0.75) * keys(py-cy, -0.75) * float64(s.pixel(img, cx, cy))
		}
	}
	return float32(sum)
}

// place turns −1…1 into pixels of n: to the middles of the outermost ones with
// corners, else to their edges.
func (s *sampler) place(v float64, n int) float64 {
	if s.corners {
		v = (v + 1) / 2 * float64(n-1)
	} else {
		v = ((v+1)*float64(n) - 1) / 2
	}
	if s.mode == "bicubic" {
		return v // what is outside is found pixel by pixel
	}
	switch s.outside {
	case "border":
		v = min(max(v, 0), float64(n-1))
	case "reflection":
		v = s.reflect(v, n)
	}
	return v
}

// reflect folds v back into the image.
func (s *sampler) reflect(v float64, n int) float64 {
	low, high := -0.5, float64(n)-0.5
	if s.corners {
		low, high = 0, float64(n-1)
	}
	span := high - low
	if span <= 0 || math.IsInf(v, 0) || v != v {
		return 0
	}
	d := math.Mod(math.Abs(v-low), 2*span)
	return low + min(d, 2*span-d)
}

// pixel returns a pixel, or what stands for one that is outside.
func (s *sampler) pixel(img []float32, x, y float64) float32 {
	switch s.outside {
	case "border":
		x, y = min(max(x, 0), float64(s.w-1)), min(max(y, 0), float64(s.h-1))
	case "reflection":
		x, y = s.reflect(x, s.w), s.reflect(y, s.h)
		x, y = min(max(x, 0), float64(s.w-1)), min(max(y, 0), float64(s.h-1))
	}
	if !(x >= 0 && y >= 0 && x <= float64(s.w-1) && y <= float64(s.h-1)) {
		return 0
	}
	return img[int(y)*s.w+int(x)]
}
