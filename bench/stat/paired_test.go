package stat

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestMcNemar(t *testing.T) {
	// By hand: 2·Σ C(n,k)/2ⁿ up to the smaller count.
	for _, c := range []struct {
		lost, won int
		want      float64
	}{{0, 0, 1}, {0, 5, 2.0 / 32}, {7, 1, 18.0 / 256}, {10, 2, 158.0 / 4096}, {3, 3, 1}, {-1, 3, 1}} {
		check(t, "p", Pairs{100, c.lost, c.won}.McNemar(), c.want)
		check(t, "p, mirrored", Pairs{100, c.won, c.lost}.McNemar(), c.want)
	}
	// A large set must not underflow into nonsense.
	if p := (Pairs{1 << 30, 1 << 20, 1<<20 + 1<<12}).McNemar(); !(p > 0.004 && p < 0.006) { // z = 2¹²/√2²¹ = 2.83
		t.Errorf("p of a million flips = %v, want about 0.0047", p)
	}
}

func TestTango(t *testing.T) {
	// Airway data of Bentur et al. (2009) as in Fagerland, Lydersen and Laake
	// (2014), "Recommended tests and confidence intervals for paired binomial
	// proportions", Statistics in Medicine 33, table VI: −0.517 to −0.026.
	i := Pairs{N: 21, Lost: 7, Won: 1}.Interval(0.95)
	if math.Abs(i.Low+0.517) > 0.0005 || math.Abs(i.High+0.026) > 0.0005 {
		t.Errorf("interval %.4f to %.4f, want -0.517 to -0.026", i.Low, i.High)
	}
	check(t, "mid", i.Mid, -6.0/21)

	// Without flips the limits have the closed form ±z²/(n+z²).
	z2 := ZQuantile(0.95) * ZQuantile(0.95)
	i = Pairs{N: 2000}.Interval(0.95)
	check(t, "high without flips", i.High, z2/(2000+z2))
	check(t, "low without flips", i.Low, -z2/(2000+z2))

	for _, bad := range []Pairs{{}, {N: -1}, {N: 3, Lost: 2, Won: 2}, {N: 3, Lost: -1}} {
		if got := bad.Interval(0.95); got != (Interval{-1, 0, 1}) {
			t.Errorf("%v: interval %v, want everything", bad, got)
		}
		if bad.Needed(-0.01, 0.95) != MaxNeeded {
			t.Errorf("%v: something decides", bad)
		}
	}
}

// TestTangoSolvesItsScore holds the definition: at both ends the score test is
// on the edge of rejecting.
func TestTangoSolvesItsScore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 20000).Draw(t, "n")
		lost := rapid.IntRange(0, n).Draw(t, "lost")
		won := rapid.IntRange(0, n-lost).Draw(t, "won")
		p := Pairs{n, lost, won}
		i := p.Interval(0.95)
		if !(-1 <= i.Low && i.Low <= i.Mid && i.Mid <= i.High && i.High <= 1) {
			t.Fatalf("%+v: interval %v is out of order", p, i)
		}
		for _, end := range []float64{i.Low, i.High} {
			if math.Abs(end) > 1-1e-9 {
				continue
			}
			if s := math.Abs(tangoScore(float64(n), float64(won), float64(lost), end)); math.Abs(s-1.959964) > 1e-4 {
				t.Fatalf("%+v: score at %v is %v", p, end, s)
			}
		}
		if w := p.Interval(0.99); w.Low > i.Low || w.High < i.High {
			t.Fatalf("%+v: the 99 %% interval %v is narrower than %v", p, w, i)
		}
	})
}

func TestNeeded(t *testing.T) {
	p := Pairs{N: 2000, Lost: 24, Won: 16} // −0.4 pt: neither −1 pt nor 0 is excluded
	if i := p.Interval(0.95); i.Low > -0.01 && i.High < 0 {
		t.Fatalf("the example decides: %v", i)
	}
	n := p.Needed(0, 0.95)
	k := float64(n) / 2000
	apart := tango(float64(n), 16*k, 24*k, ZQuantile(0.95))
	k = float64(n-2) / 2000
	notYet := tango(float64(n-2), 16*k, 24*k, ZQuantile(0.95))
	if apart.Contains(0) || !notYet.Contains(0) {
		t.Errorf("%d samples: %v; two fewer: %v", n, apart, notYet)
	}
	if got := p.Needed(p.Difference(), 0.95); got != MaxNeeded {
		t.Errorf("on the limit itself %d samples decide", got)
	}
	if got := (Pairs{N: 2000}).Needed(-0.01, 0.95); got != 2000 {
		t.Errorf("decided already, yet %d are needed", got)
	}
}

func TestCount(t *testing.T) {
	got := Count([]bool{true, true, false, false, true}, []bool{true, false, true, false})
	if got != (Pairs{N: 4, Lost: 1, Won: 1}) {
		t.Errorf("counted %+v", got)
	}
}
