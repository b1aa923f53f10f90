//go:build amd64 && !noasm

package qgemm

import (
	"encoding/binary"

	"assay/bench/kernel/isa"
)

//go:generate go run ./asm -out kernels_amd64.s -stubs kernels_amd64.go -pkg qgemm

var (
	vnni32 = []micro{
		vnni_1x32, vnni_2x32, vnni_3x32, vnni_4x32, vnni_5x32, vnni_6x32,
		vnni_7x32, vnni_8x32, vnni_9x32, vnni_10x32, vnni_11x32, vnni_12x32,
	}
	vnni16 = []micro{
		vnni_1x16, vnni_2x16, vnni_3x16, vnni_4x16, vnni_5x16, vnni_6x16,
		vnni_7x16, vnni_8x16, vnni_9x16, vnni_10x16, vnni_11x16, vnni_12x16,
	}
	avx2x16 = []micro{avx2_1x16, avx2_2x16, avx2_3x16, avx2_4x16}
)

// archVariants lists the assembly of this architecture, best first.
func archVariants() []variant {
	vnni, avx2 := isa.Has("avx512_vnni"), isa.Has("avx2")
	return []variant{
		tiles{vnni16, 16, &bytes}.variant("vnni_12x16", vnni, isa.HalfPanel),
		tiles{vnni32, 32, &bytes}.variant("vnni_12x32", vnni, always),
		tiles{avx2x16, 16, &words}.variant("avx2_4x16", avx2, always),
	}
}

// bytes are uint8, read four at a time.
var bytes = Form{Size: 1, Together: 4}

// words are int16, read two at a time, the zero point taken away.
var words = Form{Size: 2, Together: 2, widen: func(dst, src []byte, signed bool, zero int32) {
	q := len(src) &^ 15
	_ = dst[:2*len(src)]
	switch {
	case q == 0:
	case signed:
		avx2_widen_s8(&dst[0], &src[0], q/16, zero)
	default:
		avx2_widen_u8(&dst[0], &src[0], q/16, zero)
	}
	for ; q < len(src); q++ {
		v := int32(src[q])
		if signed {
			v = int32(int8(src[q]))
		}
		binary.LittleEndian.PutUint16(dst[2*q:], uint16(v-zero))
	}
}}
