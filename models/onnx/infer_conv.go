package onnx

import (
	"fmt"

	"assay/models/tensor"
)

func init() {
	register(2, func(c *call) error { return convolution(c, c.arg(0), c.arg(1), c.arg(0).typ) }, "Conv")
	registerIn("com.microsoft", 2, func(c *call) error { return convolution(c, c.arg(0), c.arg(1), c.arg(0).typ) }, "FusedConv")
	register(2, func(c *call) error { return convolution(c, c.arg(0), c.arg(1), tensor.Int32) }, "ConvInteger")
	// x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero, bias
	register(8, func(c *call) error { return convolution(c, c.arg(0), c.arg(3), c.arg(7).typ) }, "QLinearConv")
	register(2, convTranspose, "ConvTranspose")
	register(1, pool, "MaxPool", "AveragePool", "LpPool")
	register(1, globalPool, "GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool")
	registerIn("com.microsoft", 5, globalPool, "QLinearGlobalAveragePool")
}

// A window is how a convolution or pooling slides over n spatial axes.
type window struct {
	kernel                    []Dim
	strides, dilations, begin []int64
	end                       []int64
	auto                      string
	ceil                      bool
}

func (c *call) window(kernel []Dim) (w window, err error) {
	n := len(kernel)
	w = window{kernel: kernel, auto: c.Str("auto_pad", "NOTSET"), ceil: c.Int("ceil_mode", 0) != 0}
	if w.strides, err = c.sizes("strides", n, 1, 1); err != nil {
		return w, err
	}
	if w.dilations, err = c.sizes("dilations", n, 1, 1); err != nil {
		return w, err
	}
	pads, err := c.sizes("pads", 2*n, 0, 0)
	if err != nil {
		return w, err
	}
	w.begin, w.end = pads[:n], pads[n:]
	for _, k := range kernel {
		if k.known() && (k.Value < 1 || k.Value > maxAttr) {
			return w, fmt.Errorf("kernel %v is out of range", kernel)
		}
	}
	switch w.auto {
	case "NOTSET", "", "SAME_UPPER", "SAME_LOWER":
	case "VALID":
		w.begin, w.end = make([]int64, n), make([]int64, n)
	default:
		return w, fmt.Errorf("auto_pad %q is unknown (have NOTSET, SAME_UPPER, SAME_LOWER, VALID)", w.auto)
	}
	return w, nil
}

// extent returns how far the dilated kernel of axis i reaches.
func (w window) extent(i int) (int64, error) {
	k, err := mul(w.dilations[i], w.kernel[i].Value-1)
	return k + 1, err
}

// out returns the size of spatial axis i for input size in.
func (w window) out(i int, in Dim) (Dim, error) {
	same := w.auto == "SAME_UPPER" || w.auto == "SAME_LOWER"
	stride := w.strides[i]
	if same && stride == 1 {
		return in, nil
	}
	if same && in.known() {
		return fixed((in.Value + stride - 1) / stride), nil
	}
	if same || !w.kernel[i].known() {
		return unknown, nil
	}
	extent, err := w.extent(i)
	if err != nil {
		return unknown, err
	}
	pad := w.begin[i] + w.end[i]
	if !in.known() {
		if stride == 1 && pad == extent-1 {
			return in, nil
		}
		return unknown, nil
	}
	room := in.Value + pad - extent
	if room < 0 {
		return unknown, fmt.Errorf("kernel spans %d, the padded input only %d (spatial axis %d)", extent, in.Value+pad, i)
	}
	n := room/stride + 1
	if w.ceil && room%stride != 0 && n*stride < in.Value+w.begin[i] {
		n++ // the last window must start inside the input or its left padding
	}
	return fixed(n), nil
}

// spatial returns shape with the axes from 2 on as w leaves them.
func (w window) spatial(shape []Dim) ([]Dim, error) {
	out := append([]Dim{}, shape...)
	for i := range w.kernel {
		var err error
		if out[2+i], err = w.out(i, shape[2+i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// kernelShape is the attribute, which must agree with def where that is
// known; without the attribute it is def.
func (c *call) kernelShape(n int, def []Dim) ([]Dim, error) {
	k, err := c.sizes("kernel_shape", n, 1, 0)
	if err != nil {
		return nil, err
	}
	if c.Attr("kernel_shape") == nil {
		return def, nil
	}
	out := make([]Dim, n)
	for i, v := range k {
		out[i] = fixed(v)
		if i < len(def) && def[i].differs(out[i]) {
			return nil, fmt.Errorf("kernel_shape %v, the weights have %v", k, def)
		}
	}
	return out, nil
}

// convolution: X [N, C, …], W [M, C/group, k…] → [N, M, …].
func convolution(c *call, x, w *value, typ tensor.Type) error {
	if !x.ranked || !w.ranked {
		c.set(0, typ, false, nil)
		return nil
	}
	n := len(x.shape) - 2
	if n < 0 || len(w.shape) != len(x.shape) {
		return fmt.Errorf("data of shape %v, weights of shape %v", x.shape, w.shape)
	}
	group := c.Int("group", 1)
	if group < 1 || group > maxAttr {
		return fmt.Errorf("group is %d", group)
	}
	if in, per := x.shape[1], w.shape[1]; in.known() && per.known() {
		if want, err := mul(per.Value, group); err != nil || in.Value != want {
			return fmt.Errorf("data have %d channels, the weights %v want %v × group %d", in.Value, w.shape, per, group)
		}
	}
	if m := w.shape[0]; m.known() && m.Value%group != 0 {
		return fmt.Errorf("%d output channels do not divide into %d groups", m.Value, group)
	}
	kernel, err := c.kernelShape(n, w.shape[2:])
	if err != nil {
		return err
	}
	win, err := c.window(kernel)
	if err != nil {
		return err
	}
	out, err := win.spatial(x.shape)
	if err != nil {
		return err
	}
	out[1] = w.shape[0]
	c.set(0, typ, true, out)
	return nil
}

// convTranspose: X [N, C, …], W [C, M/group, k…] → [N, M, …].
func convTranspose(c *call) error {
	x, w := c.arg(0), c.arg(1)
	c.set(0, x.typ, false, nil)
	if !x.ranked || !w.ranked {
		return nil
	}
	n := len(x.shape) - 2
	if n < 0 || len(w.shape) != len(x.shape) || x.shape[1].differs(w.shape[0]) {
		return fmt.Errorf("data of shape %v, weights of shape %v", x.shape, w.shape)
	}
	group := c.Int("group", 1)
	if group < 1 || group > maxAttr {
		return fmt.Errorf("group is %d", group)
	}
	kernel, err := c.kernelShape(n, w.shape[2:])
	if err != nil {
		return err
	}
	win, err := c.window(kernel)
	if err != nil {
		return err
	}
	extra, err := c.sizes("output_padding", n, 0, 0)
	if err != nil {
		return err
	}
	given, err := c.sizes("output_shape", -1, 0, 0)
	if err != nil {
		return err
	}
	out := append([]Dim{}, x.shape...)
	out[1] = unknown
	if m := w.shape[1]; m.known() {
		v, err := mul(m.Value, group)
		if err != nil {
			return err
		}
		out[1] = fixed(v)
	}
	for i := range n {
		if len(given) >= n {
			out[2+i] = fixed(given[len(given)-n+i])
			continue
		}
		if out[2+i], err = win.grow(i, x.shape[2+i], extra[i]); err != nil {
			return err
		}
	}
	c.set(0, x.typ, true, out)
	return nil
}

// grow returns the size of spatial axis i of a transposed convolution.
func (w window) grow(i int, in Dim, extra int64) (Dim, error) {
	if !in.known() || !w.kernel[i].known() {
		return unknown, nil
	}
	if w.auto == "SAME_UPPER" || w.auto == "SAME_LOWER" {
		v, err := mul(in.Value, w.strides[i])
		return fixed(v), err
	}
	extent, err := w.extent(i)
	if err != nil {
		return unknown, err
	}
	v, err := mul(max(in.Value-1, 0), w.strides[i])
	if err != nil {
		return unknown, err
	}
	if v += extra + extent - w.begin[i] - w.end[i]; v < 0 {
		return unknown, fmt.Errorf("pads leave no output (spatial axis %d)", i)
	}
	return fixed(v), nil
}

// pool: X [N, C, …] → [N, C, …]; MaxPool's second output holds indices.
func pool(c *call) error {
	x := c.arg(0)
	c.set(0, x.typ, false, nil)
	if !x.ranked {
		return nil
	}
	n := len(x.shape) - 2
	if n < 0 {
		return fmt.Errorf("data of shape %v have no spatial axes", x.shape)
	}
	if c.Attr("kernel_shape") == nil {
		return fmt.Errorf("attribute %q is missing", "kernel_shape")
	}
	kernel, err := c.kernelShape(n, nil)
	if err != nil {
		return err
	}
	w, err := c.window(kernel)
	if err != nil {
		return err
	}
	out, err := w.spatial(x.shape)
	if err != nil {
		return err
	}
	c.set(0, x.typ, true, out)
	c.set(1, tensor.Int64, true, out)
	return nil
}

// globalPool: [N, C, …] → [N, C, 1, …].
func globalPool(c *call) error {
	x := c.arg(0)
	c.set(0, x.typ, false, nil)
	if !x.ranked {
		return nil
	}
	if len(x.shape) < 2 {
		return fmt.Errorf("data of shape %v have no spatial axes", x.shape)
	}
	out := append([]Dim{}, x.shape...)
	if c.Domain != "" && c.Int("channels_last", 0) != 0 {
		for i := 1; i < len(out)-1; i++ {
			out[i] = fixed(1)
		}
	} else {
		for i := 2; i < len(out); i++ {
			out[i] = fixed(1)
		}
	}
	c.set(0, x.typ, true, out)
	return nil
}
