package quant

import "math"

// magic, added to |v| < 2²², leaves v rounded half to even in the low bits of
// the sum's significand.
const magic = 3 << 22

// round rounds v, |v| < 2²², half to even.
func round(v float32) int32 {
	return int32(math.Float32bits(v+magic)) - int32(math.Float32bits(magic))
}

// saturate rounds v to the nearest integer and bounds it; NaN becomes lo.
func saturate(v, lo, hi float32) int32 {
	if !(v > lo) {
		return int32(lo)
	}
	if v > hi {
		return int32(hi)
	}
	return round(v)
}

func quantize(y []byte, x []float32, scale float32, zero, lo, hi int32) {
	flo, fhi := float32(lo-zero), float32(hi-zero)
	for i, v := range x {
		y[i] = byte(saturate(v/scale, flo, fhi) + zero)
	}
}

func dequantize(y []float32, x []byte, signed bool, scale float32, zero int32) {
	for i, b := range x {
		v := int32(b)
		if signed {
			v = int32(int8(b))
		}
		y[i] = float32(v-zero) * scale
	}
}

func extent(x []float32) (lo, hi float32) {
	for _, v := range x {
		lo, hi = min(lo, v), max(hi, v)
	}
	return lo, hi
}

func requantize(y []byte, acc, bias []int32, scale []float32, zero, lo, hi int32) {
	flo, fhi := float32(lo-zero), float32(hi-zero)
	for n := len(scale); len(acc) >= n && n > 0; acc, y = acc[n:], y[n:] {
		for i, s := range scale {
			y[i] = byte(saturate(float32(float32(acc[i]+bias[i])*s), flo, fhi) + zero)
		}
	}
}

func scaled(y []float32, acc, bias []int32, scale, shift []float32, lo, hi float32) {
	for n := len(scale); len(acc) >= n && n > 0; acc, y = acc[n:], y[n:] {
		for i, s := range scale {
			v := float32(float32(acc[i]+bias[i])*s) + shift[i]
			if v < lo {
				v = lo
			}
			if v > hi {
				v = hi
			}
			y[i] = v
		}
	}
}
