package native

import (
	"errors"
	"fmt"
	"math"

	"assay/models/tensor"
)

func init() {
	register(opDef{
		min: 3, max: 3, attrs: []string{"coordinate_transformation_mode", "mode", "output_height", "output_width", "sampling_ratio", "spatial_scale"},
		plan: planRoiAlign,
	}, "RoiAlign")
}

// A roiAlign averages bilinear samples in the cells of a region (He et al.
// 2017, "Mask R-CNN", §3).
type roiAlign struct {
	h, w, oh, ow int
	ratio        int // samples along each side of a cell; 0: as many as it has pixels
	scale, shift float64
	half         bool
}

func planRoiAlign(b *builder, n *node) error {
	x, rois, batch, y := n.in[0], n.in[1], n.in[2], n.out[0]
	if err := want(tensor.Float32, x, rois, y); err != nil {
		return err
	}
	if len(x.shape) != 4 || len(rois.shape) != 2 || rois.shape[1] != 4 || batch.len() != rois.shape[0] || len(y.shape) != 4 ||
		y.shape[0] != rois.shape[0] || y.shape[1] != x.shape[1] || x.len() == 0 || y.len() == 0 {
		return fmt.Errorf("input %v, regions %v, output %v", x.shape, rois.shape, y.shape)
	}
	if mode := n.attrs.Str("mode", "avg"); mode != "avg" {
		return fmt.Errorf("mode %q: %w (avg is)", mode, errors.ErrUnsupported)
	}
	def := "output_half_pixel" // before opset 16 there was nothing else
	if n.opset >= 16 {
		def = "half_pixel"
	}
	r := roiAlign{
		h: x.shape[2], w: x.shape[3], oh: y.shape[2], ow: y.shape[3], scale: float64(n.attrs.Float("spatial_scale", 1)),
		ratio: int(min(max(n.attrs.Int("sampling_ratio", 0), 0), 1<<10)), half: n.attrs.Str("coordinate_transformation_mode", def) == "half_pixel",
	}
	if r.half {
		r.shift = 0.5
	}
	index, err := b.indices(batch)
	if err != nil {
		return err
	}
	e, in, regions, out, images, c := b.env, b.slot(x), b.slot(rois), b.slot(y), x.shape[0], x.shape[1]
	b.step(func() {
		src, dst := view[float32](e, in), view[float32](e, out)
		for k := range rois.shape[0] {
			box := view[float32](e, regions)[4*k:][:4]
			for ch := range c {
				img := src[(index(k, images)*c+ch)*r.h*r.w:][:r.h*r.w]
				r.run(dst[(k*c+ch)*r.oh*r.ow:][:r.oh*r.ow], img, box)
			}
		}
	})
	return nil
}

// run samples the region box: x1, y1, x2, y2.
func (r *roiAlign) run(dst, img, box []float32) {
	left, top := float64(box[0])*r.scale-r.shift, float64(box[1])*r.scale-r.shift
	width, height := float64(box[2])*r.scale-r.shift-left, float64(box[3])*r.scale-r.shift-top
	if !r.half {
		width, height = max(width, 1), max(height, 1)
	}
	cw, ch := width/float64(r.ow), height/float64(r.oh)
	nx, ny := r.ratio, r.ratio
	if r.ratio == 0 {
		nx, ny = int(min(max(math.Ceil(cw), 0), 1<<10)), int(min(max(math.Ceil(ch), 0), 1<<10))
	}
	for i := range dst {
		sum := 0.0
		for a := range ny {
			for b := range nx {
				y := top + (float64(i/r.ow)+(float64(a)+0.5)/float64(ny))*ch
				x := left + (float64(i%r.ow)+(float64(b)+0.5)/float64(nx))*cw
				sum += r.sample(img, x, y)
			}
		}
		dst[i] = float32(sum / float64(max(nx*ny, 1)))
	}
}

// sample interpolates at (x, y); beyond a pixel outside of the image it is 0.
func (r *roiAlign) sample(img []float32, x, y float64) float64 {
	if !(x >= -1 && y >= -1 && x <= float64(r.w) && y <= float64(r.h)) {
		return 0
	}
	x, y = min(max(x, 0), float64(r.w-1)), min(max(y, 0), float64(r.h-1))
	x0, y0 := int(x), int(y)
	x1, y1 := min(x0+1, r.w-1), min(y0+1, r.h-1)
	fx, fy := x-float64(x0), y-float64(y0)
	at := func(x, y int) float64 { return float64(img[y*r.w+x]) }
	return (at(x0, y0)*(1-fx)+at(x1, y0)*fx)*(1-fy) + (at(x0, y1)*(1-fx)+at(x1, y1)*fx)*fy
}
