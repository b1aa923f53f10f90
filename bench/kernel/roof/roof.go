// Package roof measures how fast this device calculates and copies at most:
// the ceiling that shares of time are judged against. Peaks are those of this
// build's fastest matrix products with everything in cache, which assembly
// kernels bring to within a few per cent of the arithmetic units' limit; where
// a build has plain Go kernels alone, the ceiling is theirs.
package roof

import (
	"time"

	"assay/bench/kernel/gemm"
	"assay/bench/kernel/pool"
	"assay/bench/kernel/qgemm"
)

// side is the size of the matrices: three of float32 are 432 KiB, which L2 of
// most cores holds, and the product of 7 million multiplications lasts longer
// than a clock reading by far.
const side = 192

// sets are the working sets of copying, from L1 to memory, in bytes.
var sets = []int{16 << 10, 128 << 10, 1 << 20, 8 << 20, 64 << 20}

// Rate is a bandwidth in bytes read and written per second.
type Rate struct {
	Set  int // bytes
	Rate float64
}

// A Roof holds multiply-accumulates per second and bandwidths.
type Roof struct {
	Float, Int8 float64
	Copy        []Rate
}

// Measure calibrates for at least d per figure, seven in all, on the threads
// of p. Each figure is the fastest of its repetitions: whatever disturbs a
// repetition makes it slower.
func Measure(p *pool.Pool, d time.Duration) Roof {
	threads := p.Threads()
	r := Roof{Float: Multiplications(p, d), Int8: work(threads) / fastest(d, int8s(p))}
	for _, n := range sets {
		moved := float64(n) * float64(threads)
		r.Copy = append(r.Copy, Rate{n, moved / fastest(d, copying(p, n))})
	}
	return r
}

// Multiplications returns the float32 multiply-accumulates per second on the
// threads of p, each in a product of its own, calibrated for at least d.
func Multiplications(p *pool.Pool, d time.Duration) float64 {
	return work(p.Threads()) / fastest(d, float(p))
}

// work is what a product of every thread multiplies.
func work(threads int) float64 { return float64(side*side*side) * float64(threads) }

// fastest returns the seconds of the fastest call of f within d, and of three
// calls at least.
func fastest(d time.Duration, f func()) float64 {
	f() // touches the memory
	best := time.Duration(1<<63 - 1)
	start := time.Now()
	for i := 0; i < 3 || time.Since(start) < d; i++ {
		from := time.Now()
		f()
		best = min(best, time.Since(from))
	}
	return max(best, 1).Seconds()
}

func float(p *pool.Pool) func() {
	w := make([]float32, side*side)
	for i := range w {
		w[i] = float32(i%7) - 3 // no denormals, which are slow on some cores
	}
	b := gemm.Pack(w, side, side, false)
	out := make([][]float32, p.Threads())
	for i := range out {
		out[i] = make([]float32, side*side)
	}
	ep := gemm.None()
	return func() {
		p.Run(len(out), func(part, _ int) {
			b.Mul(out[part], side, gemm.A{Data: w, Stride: side}, side, &ep)
		})
	}
}

func int8s(p *pool.Pool) func() {
	w, a := make([]int8, side*side), make([]byte, side*side)
	for i := range w {
		w[i], a[i] = int8(i%11-5), byte(i%13)
	}
	b := qgemm.Pack(w, side, side, false, nil)
	out, scratch := make([][]int32, p.Threads()), make([][]int64, p.Threads())
	for i := range out {
		out[i], scratch[i] = make([]int32, side*side), make([]int64, qgemm.ScratchLen(side))
	}
	return func() {
		p.Run(len(out), func(part, _ int) {
			for i := 0; i < side; i += qgemm.RowBlock {
				b.Mul(out[part][i*side:], side, qgemm.Matrix{Data: a[i*side:], Stride: side}, min(qgemm.RowBlock, side-i), scratch[part])
			}
		})
	}
}

func copying(p *pool.Pool, set int) func() {
	from, to := make([][]byte, p.Threads()), make([][]byte, p.Threads())
	for i := range from {
		from[i], to[i] = make([]byte, set/2), make([]byte, set/2)
		for j := range from[i] {
			from[i][j] = 1 // pages of their own, not the system's page of zeros
		}
	}
	return func() {
		p.Run(len(from), func(part, _ int) { copy(to[part], from[part]) })
	}
}
