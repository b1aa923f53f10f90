package stat

import (
	"math"
	"testing"
)

func TestWelch(t *testing.T) {
	// Snedecor & Cochran's worked shape by hand: x̄−ȳ = 2, variances 2.5 and
	// 2.5 over 5 each, df = 8, t₀.₉₇₅,₈ = 2.306, half-width 2.306·√1 = 2.306.
	x, y := []float64{3, 4, 5, 6, 7}, []float64{1, 2, 3, 4, 5}
	iv := Welch(x, y, 0.95)
	if math.Abs(iv.Mid-2) > 1e-12 || math.Abs(iv.Half()-2.306) > 1e-3 {
		t.Errorf("got %+v, want 2 ± 2.306", iv)
	}
	if iv := Welch(x[:1], y, 0.95); !math.IsInf(iv.High, 1) {
		t.Errorf("one value: got %+v, want the whole line", iv)
	}
	if iv := Welch([]float64{1, 1}, []float64{1, 1}, 0.95); iv != Exactly(0) {
		t.Errorf("no variance: got %+v", iv)
	}
}

func TestWilson(t *testing.T) {
	// 81 of 263: 0.2553 to 0.3662 (Newcombe 1998, Statistics in Medicine 17:857, table I, method 3).
	iv := Wilson(81, 263, 0.95)
	if math.Abs(iv.Low-0.2553) > 5e-5 || math.Abs(iv.High-0.3662) > 5e-5 {
		t.Errorf("got %+v, want 0.2553 to 0.3662", iv)
	}
	if iv := Wilson(0, 0, 0.95); iv.Low != 0 || iv.High != 1 {
		t.Errorf("no samples: got %+v", iv)
	}
}
