package ew

import "math"

func each(f func(float32) float32) func(y, x []float32) {
	return func(y, x []float32) {
		for i, v := range x {
			y[i] = f(v)
		}
	}
}

func bounded(v, lo, hi float32) float32 {
	if v < lo {
		v = lo
	}
	if v > hi {
		v = hi
	}
	return v
}

func clamp(y, x []float32, lo, hi float32) {
	for i, v := range x {
		y[i] = bounded(v, lo, hi)
	}
}

func top(x []float32) float32 {
	most := float32(math.Inf(-1))
	for _, v := range x {
		if v > most {
			most = v
		}
	}
	return most
}

func exp(y, x []float32, shift float32) float64 {
	var sum float64
	for i, v := range x {
		e := math.Exp(float64(v - shift))
		sum += e
		y[i] = float32(e)
	}
	return sum
}

func scale(y []float32, by float32) {
	for i := range y {
		y[i] *= by
	}
}
