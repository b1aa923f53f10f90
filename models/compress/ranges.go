package compress

import "math"

// defaultPercentile is what range percentile keeps, as ONNX Runtime's
// documentation has it.
const defaultPercentile = 99.99

// histograms reports whether the range needs a histogram, to be chosen or to
// tell how much it clips.
func (s *Settings) histograms() bool {
	return s.Percentile > 0 || s.Range != "" && s.Range != "minmax"
}

// bounds returns the range to be represented, both ends rounded outwards by
// coarse.
func (s *span) bounds(set *Settings) (low, high float64) {
	low, high = s.low, s.high
	switch {
	case set.Range == "average" && s.sets > 0:
		low, high = s.sumLow/float64(s.sets), s.sumHigh/float64(s.sets)
	case s.bins == nil:
	case set.Range == "entropy":
		low, high = s.search(s.bins.divergence)
	case set.Range == "mse":
		low, high = s.search(s.bins.squares)
	default:
		p := set.Percentile
		if p == 0 {
			p = defaultPercentile
		}
		l, h := s.bins.within(int64(float64(s.count) * (100 - p) / 200))
		low, high = max(low, l), min(high, h)
	}
	return coarse(low), coarse(high)
}

// levels is how many integers an activation's range is divided into.
const levels = 256

// tries is how many thresholds search compares, equally spaced up to the
// largest magnitude; the first of them keeps a sixteenth of the range.
const tries = 128

// search returns the range [−t, t], cut to what was seen, of the threshold t
// with the least loss; of equal losses the widest range.
func (s *span) search(loss func(low, high float64) float64) (low, high float64) {
	top := max(-s.low, s.high)
	low, high = s.low, s.high
	best := loss(low, high)
	for i := tries - 1; i >= tries/16; i-- {
		t := top * float64(i) / tries
		l, h := max(s.low, -t), min(s.high, t)
		if v := loss(l, h); v < best {
			low, high, best = l, h, v
		}
	}
	return low, high
}

// squares returns the squared error of quantizing the counted values to levels
// steps of [low, high], each taken as the middle of its bin; within a bin
// values are spread, so that a step narrower than a bin costs step²/12.
func (h *histogram) squares(low, high float64) float64 {
	low, high = min(low, 0), max(high, 0)
	step := (high - low) / (levels - 1)
	if step == 0 {
		return math.Inf(1)
	}
	sum := 0.0
	for i, n := range h.counts {
		if n == 0 {
			continue
		}
		x := h.edge(i) + h.width/2
		e := x - min(max(math.RoundToEven(x/step)*step, low), high)
		if x >= low && x <= high && step < 2*h.width {
			e = step / math.Sqrt(12)
		}
		sum += float64(n) * e * e
	}
	return sum
}

// divergence returns the Kullback-Leibler divergence from the counted values,
// those outside [low, high] put into its end bins, to what is left of their
// distribution inside when only levels steps are told apart (Migacz, "8-bit
// inference with TensorRT", GTC 2017). The bin of zero is left out: zero has an
// integer of its own, and the many zeros behind a Relu would otherwise make
// the narrowest range look best.
func (h *histogram) divergence(low, high float64) float64 {
	if h.width == 0 {
		return 0
	}
	from := half + int(math.Floor(low/h.width))
	to := min(half+int(math.Ceil(high/h.width)), len(h.counts))
	if to-from < 2 {
		return math.Inf(1)
	}
	p := make([]float64, to-from)
	inside := 0.0
	for i := range p {
		if from+i != half {
			p[i] = float64(h.counts[from+i])
		}
		inside += p[i]
	}
	q := spread(p)
	total := inside
	for i, n := range h.counts {
		switch {
		case i < from:
			p[0] += float64(n)
			total += float64(n)
		case i >= to:
			p[len(p)-1] += float64(n)
			total += float64(n)
		}
	}
	if inside == 0 {
		return math.Inf(1)
	}
	// A little of every bin keeps the divergence finite where clipping fills
	// an end bin that was empty.
	const smooth = 1e-4
	sum := 0.0
	for i, x := range p {
		if x > 0 {
			a := x / total
			b := (1-smooth)*q[i]/inside + smooth/float64(len(q))
			sum += a * math.Log(a/b)
		}
	}
	return sum
}

// spread returns p with each of its levels parts evened out over the part's
// bins that hold something.
func spread(p []float64) []float64 {
	q := make([]float64, len(p))
	for k := range levels {
		from, to := k*len(p)/levels, (k+1)*len(p)/levels
		sum, full := 0.0, 0
		for _, x := range p[from:to] {
			sum += x
			if x > 0 {
				full++
			}
		}
		for i := from; i < to; i++ {
			if p[i] > 0 {
				q[i] = sum / float64(full)
			}
		}
	}
	return q
}
