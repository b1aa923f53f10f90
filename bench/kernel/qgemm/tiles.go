//go:build (amd64 || arm64) && !noasm

package qgemm

import "unsafe"

// A micro computes a tile of as many rows as its place in a list says, counted
// from 1; the stubs of the architecture tell what it reads and writes.
type micro func(c *int32, ldc int, a *byte, lda, runs, skip int, b *int8, k, n int, sums *int32, zero int32)

// tiles cut C into tiles of micro-kernels, as equally high as can be.
type tiles struct {
	micros []micro
	nr     int
	form   *Form
}

func (t tiles) variant(name string, usable bool, takes func(n int) bool) variant {
	return variant{name, len(t.micros), t.nr, t.form.Together, t.form.Size == 1, usable, takes, t.mul, t.form, t.mulRuns}
}

// mul brings the rows of A into the kernel's form once for all columns.
func (t tiles) mul(p *B, c []int32, ldc int, a Matrix, m int, scratch []int64) {
	f, width := t.form, up(p.K, t.form.Together)*t.form.Size
	x := Runs{Runs: 1, Stride: width, Zero: f.Zero(a.Signed, a.Zero)}
	plain := f.Size == 1 && a.Signed == f.signed && p.K == width
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
