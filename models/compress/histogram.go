package compress

import "math"

// half is the number of bins on each side of zero.
const half = 1 << 12

// A histogram counts values in 2·half equal bins over [−half·w, half·w). When a
// value falls outside, w doubles and neighbours merge, so that one pass over
// data of unknown range needs no more memory than this; at the end a bin is
// at most 1/2048 of the largest magnitude seen.
type histogram struct {
	width  float64 // w, a power of two; 0 before the first value that is not 0
	counts [2 * half]int64
	zeros  int64 // values seen while width was 0
}

func (h *histogram) add(v []float32) {
	top := 0.0
	for _, x := range v {
		top = max(top, math.Abs(float64(x)))
	}
	if top == 0 && h.width == 0 {
		h.zeros += int64(len(v))
		return
	}
	if h.width == 0 {
		_, e := math.Frexp(top)
		h.width = math.Ldexp(1, e) / half // top < 2^e
		h.counts[half] = h.zeros
	}
	for top >= h.width*half {
		h.widen()
	}
	for _, x := range v {
		h.counts[half+int(math.Floor(float64(x)/h.width))]++
	}
}

// widen doubles the bins' width: bin i takes what 2i and 2i+1 held.
func (h *histogram) widen() {
	var c [2 * half]int64
	for i, n := range h.counts {
		c[half+(i-half)>>1] += n
	}
	h.counts, h.width = c, 2*h.width
}

// edge returns the lower edge of bin i.
func (h *histogram) edge(i int) float64 { return float64(i-half) * h.width }

// within returns the narrowest range of whole bins that leaves at most cut
// values out at each end.
func (h *histogram) within(cut int64) (low, high float64) {
	if h.width == 0 {
		return 0, 0
	}
	i, j := 0, len(h.counts)-1
	for n := h.counts[i]; n <= cut && i < j; n += h.counts[i] {
		i++
	}
	for n := h.counts[j]; n <= cut && j > i; n += h.counts[j] {
		j--
	}
	return h.edge(i), h.edge(j + 1)
}

// outside counts the values in bins wholly below low or above high.
func (h *histogram) outside(low, high float64) int64 {
	var n int64
	for i, c := range h.counts {
		if h.edge(i+1) <= low || h.edge(i) > high {
			n += c
		}
	}
	return n
}
