package arch

import (
	"fmt"

	"assay/models/onnx"
	"assay/models/tensor"
)

// mobileNetV2: inverted residuals of expansion t, c channels, n times, with
// stride s at the first (Sandler et al. 2018, table 2).
func mobileNetV2(b *builder) {
	lo, hi := b.scalar("zero", 0), b.scalar("six", 6)
	relu6 := func(x string) string { return b.node(x+".relu6", "Clip", []string{x, lo, hi}) }
	x := relu6(b.conv("stem", b.input("x", tensor.Float32, 1, 3, 224, 224), 3, 32, 3, 2, 1))
	c, k := 32, 0
	for _, s := range [][4]int{{1, 16, 1, 1}, {6, 24, 2, 2}, {6, 32, 3, 2}, {6, 64, 4, 2}, {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}} {
		for i := range s[2] {
			name, stride, y, wide := fmt.Sprintf("block%d", k), 1, x, c*s[0]
			if i == 0 {
				stride = s[3]
			}
			if s[0] != 1 {
				y = relu6(b.conv(name+".expand", y, c, wide, 1, 1, 1))
			}
			y = relu6(b.conv(name+".depthwise", y, wide, wide, 3, stride, wide))
			y = b.conv(name+".project", y, wide, s[1], 1, 1, 1)
			if stride == 1 && c == s[1] {
				y = b.node(name+".add", "Add", []string{x, y})
			}
			x, c, k = y, s[1], k+1
		}
	}
	b.classify(relu6(b.conv("head", x, c, 1280, 1, 1, 1)), 1280)
}

// resNet18: two basic blocks of 64, 128, 256 and 512 channels; a 1×1
// convolution where the shape changes (He et al. 2016, table 1, option B).
func resNet18(b *builder) {
	relu := func(x string) string { return b.node(x+".relu", "Relu", []string{x}) }
	x := relu(b.conv("stem", b.input("x", tensor.Float32, 1, 3, 224, 224), 3, 64, 7, 2, 1))
	x = b.node("maxpool", "MaxPool", []string{x}, onnx.IntsAttr("kernel_shape", 3, 3), onnx.IntsAttr("strides", 2, 2), onnx.IntsAttr("pads", 1, 1, 1, 1))
	c := 64
	for i, m := range []int{64, 128, 256, 512} {
		for j := range 2 {
			name, stride, short := fmt.Sprintf("layer%d.%d", i+1, j), 1, x
			if i > 0 && j == 0 {
				stride = 2
			}
			y := relu(b.conv(name+".conv1", x, c, m, 3, stride, 1))
			y = b.conv(name+".conv2", y, m, m, 3, 1, 1)
			if stride > 1 {
				short = b.conv(name+".downsample", x, c, m, 1, stride, 1)
			}
			x, c = relu(b.node(name+".add", "Add", []string{y, short})), m
		}
	}
	b.classify(x, c)
}
