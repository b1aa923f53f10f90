package conv

import "fmt"

// A Shape describes a two-dimensional convolution. Activations are NHWC
// (channels last), so that the patch of a pixel is made of contiguous runs
// and 1×1 convolutions are plain products; a one-dimensional one has H = 1.
type Shape struct {
	N, H, W, C int // input
	M, OH, OW  int // output channels and size
	KH, KW     int // kernel
	SH, SW     int // strides
	DH, DW     int // dilations
	Top, Left  int // padding before; the padding behind follows from OH and OW
	Groups     int
}

// Check reports a shape that the kernels cannot take.
func (s Shape) Check() error {
	for _, v := range []int{s.N, s.H, s.W, s.C, s.M, s.OH, s.OW, s.KH, s.KW, s.SH, s.SW, s.DH, s.DW, s.Groups} {
		if v < 1 {
			return fmt.Errorf("convolution of shape %+v: every size must be at least 1", s)
		}
	}
	if s.Top < 0 || s.Left < 0 || s.C%s.Groups != 0 || s.M%s.Groups != 0 {
		return fmt.Errorf("convolution of shape %+v: padding must not be negative and groups must divide both channel counts", s)
	}
	return nil
}

// Depthwise reports whether every channel is convolved with its own kernel.
func (s Shape) Depthwise() bool { return s.Groups > 1 && s.Groups == s.C && s.M == s.C }

// Pointwise reports whether the convolution is a product of the input, seen
// as pixels × channels, with the weights.
func (s Shape) Pointwise() bool {
	return s.KH == 1 && s.KW == 1 && s.SH == 1 && s.SW == 1 && s.Top == 0 && s.Left == 0 && s.OH == s.H && s.OW == s.W
}

// Pixels returns how many output pixels there are, the batch included.
func (s Shape) Pixels() int { return s.N * s.OH * s.OW }

// K returns the length of one output's dot product.
func (s Shape) K() int { return s.KH * s.KW * (s.C / s.Groups) }

// MACs returns the multiplications of one run.
func (s Shape) MACs() int64 { return int64(s.Pixels()) * int64(s.M) * int64(s.K()) }

// patchBytes bounds the patches that are gathered at once, so that they stay
// in a 32 KiB L1 cache beside a panel of weights.
const patchBytes = 20 << 10

// PatchRows returns how many patches of elements of the given size in bytes
// are gathered at once.
func (s Shape) PatchRows(size int) int {
	return min(max(patchBytes/(size*s.K()), 4)&^3, 64)
}

// A Number is an element of an activation.
type Number interface{ float32 | uint8 | int8 }

// Gather writes the patches of output pixels [from, to) of group g, one row
// of K elements each, ordered ky, kx, channel. Where a patch hangs over the
// edge it holds zero (the zero point of quantized data).
func Gather[T Number](s *Shape, dst, x []T, zero T, g, from, to int) {
	run := s.C / s.Groups
	at := g * run
	for p := from; p < to; p++ {
		ox, oy, n := p%s.OW, p/s.OW%s.OH, p/(s.OW*s.OH)
		for ky := range s.KH {
			iy := oy*s.SH + ky*s.DH - s.Top
			if iy < 0 || iy >= s.H {
				fill(dst[:s.KW*run], zero)
				dst = dst[s.KW*run:]
				continue
			}
			line := x[(n*s.H+iy)*s.W*s.C:][:s.W*s.C]
			left := ox*s.SW - s.Left
			if run == s.C && s.DW == 1 && left >= 0 && left+s.KW <= s.W {
				copy(dst[:s.KW*run], line[left*s.C:])
				dst = dst[s.KW*run:]
				continue
			}
			for kx := range s.KW {
				if ix := left + kx*s.DW; ix < 0 || ix >= s.W {
					fill(dst[:run], zero)
				} else {
					copy(dst[:run], line[ix*s.C+at:])
				}
				dst = dst[run:]
			}
		}
	}
}

func fill[T Number](dst []T, v T) {
	for i := range dst {
		dst[i] = v
	}
}

// Order rewrites weights from ONNX's M × C/groups × KH × KW to the order of
// patches, per group K × M/groups row-major, groups after each other.
func Order[T Number](s *Shape, w []T) []T {
	out := make([]T, len(w))
	cg, mg := s.C/s.Groups, s.M/s.Groups
	for m := range s.M {
		g, j := m/mg, m%mg
		for c := range cg {
			for k := range s.KH * s.KW {
				out[(g*s.K()+k*cg+c)*mg+j] = w[(m*cg+c)*s.KH*s.KW+k]
			}
		}
	}
	return out
}
