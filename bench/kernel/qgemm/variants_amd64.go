//go:build amd64 && !noasm

package qgemm

import (
	"encoding/binary"
	"unsafe"

	"assay/bench/kernel/isa"
)

//go:generate go run ./asm -out kernels_amd64.s -stubs kernels_amd64.go -pkg qgemm

// A micro computes a tile of as many rows as its place in a list says, counted
// from 1; kernels_amd64.go tells what it reads and writes.
type micro func(c *int32, ldc int, a *byte, lda, runs, skip int, b *int8, k, n int, sums *int32, zero int32)

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
		{"vnni_12x16", 12, 16, 4, true, vnni, isa.HalfPanel, tiles(vnni16, 16, 4, bytes)},
		{"vnni_12x32", 12, 32, 4, true, vnni, always, tiles(vnni32, 32, 4, bytes)},
		{"avx2_4x16", 4, 16, 2, false, avx2, always, tiles(avx2x16, 16, 2, words)},
	}
}

// A left is rows of A as a micro-kernel reads them: rows stride bytes apart,
// whose zero point zero is still in them.
type left struct {
	data   []byte
	stride int
	zero   int32
}

// tiles cuts C into tiles of micro-kernels, as equally high as can be. Rows of
// A are brought into the kernel's form once for all columns.
func tiles(micros []micro, nr, kr int, form func(a Matrix, i, rows, k int, scratch []byte) left) kernel {
	return func(p *B, c []int32, ldc int, a Matrix, m int, scratch []int64) {
		k := up(p.K, kr)
		buf := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(scratch))), 8*len(scratch))
		for i, high := 0, (m+len(micros)-1)/len(micros); i < m; high-- {
			rows := (m - i + high - 1) / high
			x := form(a, i, rows, p.K, buf)
			for j := 0; j < p.N; j += nr {
				w := min(nr, p.N-j)
				var sums *int32
				if p.sums != nil {
					sums = &p.sums[j : j+w][0]
				}
				out := c[i*ldc+j : (i+rows-1)*ldc+j+w]
				micros[rows-1](&out[0], ldc, unsafe.SliceData(x.data), x.stride, 1, 0, unsafe.SliceData(p.data[j*k:]), k/kr, w, sums, x.zero)
			}
			i += rows
		}
	}
}

// bytes are rows of uint8, read four at a time: int8 become uint8 by adding
// 128, which flips the highest bit.
func bytes(a Matrix, i, rows, k int, scratch []byte) left {
	if !a.Signed && k%4 == 0 && k > 0 {
		return left{a.Data[i*a.Stride:][:(rows-1)*a.Stride+k], a.Stride, a.Zero}
	}
	x := left{scratch, up(k, 4), a.Zero}
	flip := uint64(0)
	if a.Signed {
		x.zero, flip = a.Zero+128, 0x8080808080808080
	}
	for r := range rows {
		src, dst := a.Data[(i+r)*a.Stride:][:k], scratch[r*x.stride:][:x.stride]
		q := 0
		for ; q+8 <= k; q += 8 {
			binary.LittleEndian.PutUint64(dst[q:], binary.LittleEndian.Uint64(src[q:])^flip)
		}
		for ; q < k; q++ {
			dst[q] = src[q] ^ byte(flip)
		}
		clear(dst[k:])
	}
	return x
}

// words are rows of int16, the zero point taken away.
func words(a Matrix, i, rows, k int, scratch []byte) left {
	x := left{scratch, 2 * up(k, 2), 0}
	for r := range rows {
		src := a.Data[(i+r)*a.Stride:][:k]
		dst := unsafe.Slice((*int16)(unsafe.Pointer(unsafe.SliceData(scratch[r*x.stride:][:x.stride]))), x.stride/2)
		q := k &^ 15
		switch {
		case q == 0:
		case a.Signed:
			avx2_widen_s8(&dst[0], &src[0], q/16, a.Zero)
		default:
			avx2_widen_u8(&dst[0], &src[0], q/16, a.Zero)
		}
		for ; q < k; q++ {
			v := int32(src[q])
			if a.Signed {
				v = int32(int8(src[q]))
			}
			dst[q] = int16(v - a.Zero)
		}
		clear(dst[k:])
	}
	return x
}
