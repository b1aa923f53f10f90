//go:build amd64 && !noasm

package conv

import (
	"unsafe"

	"assay/bench/kernel/gemm"
	"assay/bench/kernel/isa"
)

func archTransforms() transforms {
	switch {
	case isa.Has("avx512"):
		return transforms{inBy(avx512_in), outBy(avx512_out)}
	case isa.Has("avx2"):
		return transforms{inBy(avx2_in), outBy(avx2_out)}
	}
	return transformed
}

func inBy(f func(dst *float32, plane int, src *float32, line, channels int)) func(dst []float32, plane int, src []float32, line, channels int) {
	return func(dst []float32, plane int, src []float32, line, channels int) {
		_, _ = dst[15*plane+channels-1], src[3*line+4*channels-1]
		f(&dst[0], plane, &src[0], line, channels)
	}
}

func outBy(f func(y *float32, below int, src *float32, plane, channels int, bias, add *float32, lo, hi float32)) func(y []float32, below int, src []float32, plane, channels int, ep gemm.Epilogue) {
	return func(y []float32, below int, src []float32, plane, channels int, ep gemm.Epilogue) {
		n := below + 2*channels
		var add *float32
		if ep.Add != nil {
			add = &ep.Add[:n][0]
		}
		if ep.Bias != nil {
			_ = ep.Bias[channels-1]
		}
		_ = src[15*plane+channels-1]
		f(&y[:n][0], below, &src[0], plane, channels, unsafe.SliceData(ep.Bias), add, ep.Lo, ep.Hi)
	}
}
