package data

import (
	"image"
	"image/color"

	"golang.org/x/image/draw"

	"assay/models/tensor"
)

// fromImage returns m as uint8 [H, W, 1] where its colour model is grey, else
// [H, W, 3].
func fromImage(m image.Image) tensor.Tensor {
	b := m.Bounds()
	w, h := b.Dx(), b.Dy()
	switch m := m.(type) {
	case *image.Gray:
		t := tensor.New(tensor.Uint8, h, w, 1)
		for y := range h {
			off := m.PixOffset(b.Min.X, b.Min.Y+y)
			copy(t.Data[y*w:(y+1)*w], m.Pix[off:off+w])
		}
		return t
	case *image.Gray16:
		t := tensor.New(tensor.Uint8, h, w, 1)
		for i := range t.Data {
			t.Data[i] = uint8(m.Gray16At(b.Min.X+i%w, b.Min.Y+i/w).Y >> 8)
		}
		return t
	}
	t := tensor.New(tensor.Uint8, h, w, 3)
	for i := range w * h {
		c := color.NRGBAModel.Convert(m.At(b.Min.X+i%w, b.Min.Y+i/w)).(color.NRGBA)
		t.Data[3*i], t.Data[3*i+1], t.Data[3*i+2] = c.R, c.G, c.B
	}
	return t
}

// channels returns t, uint8 [H, W, 1 or 3], with n channels, 1 or 3. Grey of
// colours is ITU-R BT.601's luma with the integers of Pillow and image/color.
func channels(t tensor.Tensor, n int) tensor.Tensor {
	h, w, c := t.Shape[0], t.Shape[1], t.Shape[2]
	if c == n {
		return t
	}
	out := tensor.New(tensor.Uint8, h, w, n)
	for i := range h * w {
		if n == 3 {
			v := t.Data[i]
			out.Data[3*i], out.Data[3*i+1], out.Data[3*i+2] = v, v, v
			continue
		}
		r, g, b := uint32(t.Data[3*i]), uint32(t.Data[3*i+1]), uint32(t.Data[3*i+2])
		out.Data[i] = uint8((19595*r + 38470*g + 7471*b + 1<<15) >> 16)
	}
	return out
}

// scale resizes t, uint8 [H, W, 1 or 3], to h × w: bilinear, with the kernel
// widened where it shrinks (x/image/draw.BiLinear), as Pillow does.
func scale(t tensor.Tensor, h, w int) tensor.Tensor {
	sh, sw, c := t.Shape[0], t.Shape[1], t.Shape[2]
	src := image.NewRGBA(image.Rect(0, 0, sw, sh))
	for i := range sh * sw {
		p := src.Pix[4*i : 4*i+4]
		if c == 1 {
			p[0], p[1], p[2] = t.Data[i], t.Data[i], t.Data[i]
		} else {
			copy(p, t.Data[3*i:3*i+3])
		}
		p[3] = 255
	}
	dst := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.BiLinear.Scale(dst, dst.Rect, src, src.Rect, draw.Src, nil)
	out := tensor.New(tensor.Uint8, h, w, c)
	for i := range h * w {
		copy(out.Data[c*i:c*i+c], dst.Pix[4*i:4*i+c])
	}
	return out
}
