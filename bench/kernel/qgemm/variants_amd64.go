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
		tiles{vnni16, 16, &bytes}.variant("vnni_12x16", vnni, isa.HalfPanel),
		tiles{vnni32, 32, &bytes}.variant("vnni_12x32", vnni, always),
		tiles{avx2x16, 16, &words}.variant("avx2_4x16", avx2, always),
	}
}

// tiles cut C into tiles of micro-kernels, as equally high as can be.
type tiles struct {
	micros []micro
	nr     int
	form   *Form
}

func (t tiles) variant(name string, usable bool, takes func(n int) bool) variant {
	return variant{name, len(t.micros), t.nr, t.form.Together, t.form == &bytes, usable, takes, t.mul, t.form, t.mulRuns}
}

// mul brings the rows of A into the kernel's form once for all columns.
func (t tiles) mul(p *B, c []int32, ldc int, a Matrix, m int, scratch []int64) {
	f, width := t.form, up(p.K, t.form.Together)*t.form.Size
	x := Runs{Runs: 1, Stride: width, Zero: f.Zero(a.Signed, a.Zero)}
	plain := f == &bytes && !a.Signed && p.K == width
	if plain {
		x.Stride = a.Stride
	}
	buf := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(scratch))), 8*len(scratch))
	for i, high := 0, (m+len(t.micros)-1)/len(t.micros); i < m; high-- {
		rows := (m - i + high - 1) / high
		if plain {
			x.Data = a.Data[i*a.Stride:]
		} else {
			x.Data = buf
			for r := range rows {
				dst := buf[r*width:][:width]
				f.Copy(dst, a.Data[(i+r)*a.Stride:][:p.K], a.Signed, a.Zero)
				clear(dst[p.K*f.Size:])
			}
		}
		t.tile(p, c[i*ldc:], ldc, &x, rows)
		i += rows
	}
}

func (t tiles) mulRuns(p *B, c []int32, ldc int, a Runs, m int) {
	for i, high := 0, (m+len(t.micros)-1)/len(t.micros); i < m; high-- {
		rows := (m - i + high - 1) / high
		t.tile(p, c[i*ldc:], ldc, &a, rows)
		a.Data = a.Data[min(rows*a.Stride, len(a.Data)):]
		i += rows
	}
}

// tile computes rows of C from the first rows of a.
func (t tiles) tile(p *B, c []int32, ldc int, a *Runs, rows int) {
	k := up(p.K, t.form.Together)
	each := k / a.Runs // elements of a run
	length := each * t.form.Size
	data := a.Data[:(rows-1)*a.Stride+(a.Runs-1)*a.Skip+length]
	for j := 0; j < p.N; j += t.nr {
		w := min(t.nr, p.N-j)
		var sums *int32
		if p.sums != nil {
			sums = &p.sums[j : j+w][0]
		}
		t.micros[rows-1](&c[j : (rows-1)*ldc+j+w][0], ldc, unsafe.SliceData(data), a.Stride, a.Runs, a.Skip-length,
			unsafe.SliceData(p.data[j*k:]), each/t.form.Together, w, sums, a.Zero)
	}
}

// bytes are uint8, read four at a time: int8 become uint8 by adding 128, which
// flips the highest bit.
var bytes = Form{Size: 1, Together: 4, copy: func(dst, src []byte, signed bool, _ int32) {
	if !signed {
		copy(dst, src)
		return
	}
	const flip = 0x8080808080808080
	q := 0
	for ; q+8 <= len(src); q += 8 {
		binary.LittleEndian.PutUint64(dst[q:], binary.LittleEndian.Uint64(src[q:])^flip)
	}
	for ; q < len(src); q++ {
		dst[q] = src[q] ^ 0x80
	}
}}

// words are int16, read two at a time, the zero point taken away.
var words = Form{Size: 2, Together: 2, copy: func(dst, src []byte, signed bool, zero int32) {
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
