package stat

import "math"

// Noise is what a series of runs does while nothing changes.
type Noise struct {
	SD  float64 // standard deviation of a run
	Rho float64 // correlation of a run with the next
	N   int     // runs that it is known from
}

// Successive estimates the noise of a series from the differences between
// runs that follow each other, which steps and slow drifts hardly enter (von
// Neumann, Kent, Bellinson and Hart 1941, "The mean square successive
// difference", Annals of Mathematical Statistics 12:153–162). With an AR(1)
// correlation ρ the variance of x[i+1]−x[i] is 2σ²(1−ρ) and that of
// x[i+2]−x[i] is 2σ²(1−ρ²), so their quotient is 1+ρ. Both are taken by Qn,
// so single spikes do not matter. SD is that of a run, correlation included;
// NaN where x has fewer than four values.
func Successive(x []float64) Noise {
	n := Noise{SD: math.NaN(), N: len(x)}
	if len(x) < 4 {
		return n
	}
	s1, s2 := Qn(differences(x, 1)), Qn(differences(x, 2))
	if !(s1 > 0) {
		// More than half of the runs are alike, as those of a coarse clock
		// or an allocator are: the plain deviation still sees the others.
		s1, s2 = SD(differences(x, 1)), SD(differences(x, 2))
	}
	if s1 == 0 {
		n.SD = 0
		return n
	}
	n.Rho = Clip(s2*s2/(s1*s1)-1, maxRho)
	return n.with(s1, n.Rho)
}

// maxRho keeps the correction for correlation finite: beyond it, a short
// series cannot tell correlation from drift.
const maxRho = 0.9

// Shrink returns the noise with its correlation drawn towards that of other
// series of the device, as if those had been seen for weight runs. A short
// series tells little of its own correlation (its standard error is about
// 2/√n). Negative correlation is taken as none, which errs on the safe side.
func (n Noise) Shrink(rho float64, weight int) Noise {
	r := n.Rho
	if k := n.N + weight; k > 0 && !math.IsNaN(rho) {
		r = (float64(n.N)*n.Rho + float64(weight)*rho) / float64(k)
	}
	s1 := n.SD * math.Sqrt(2*(1-n.Rho))
	return n.with(s1, min(max(r, 0), maxRho))
}

// with sets ρ, and the deviation that follows from the differences'.
func (n Noise) with(s1, rho float64) Noise {
	n.Rho, n.SD = rho, s1/math.Sqrt(2*(1-rho))
	return n
}

// Inflation is by how much correlation multiplies the variance of a mean of k
// runs: 1 + 2·Σ(1−j/k)ρʲ for AR(1) (Box, Jenkins and Reinsel 2008, section
// 2.1.6). It tends to (1+ρ)/(1−ρ).
func (n Noise) Inflation(k int) float64 {
	if k <= 1 || n.Rho == 0 {
		return 1
	}
	r, m := n.Rho, float64(k)
	return (1+r)/(1-r) - 2*r*(1-math.Pow(r, m))/(m*(1-r)*(1-r))
}

func differences(x []float64, lag int) []float64 {
	out := make([]float64, 0, max(len(x)-lag, 0))
	for i := lag; i < len(x); i++ {
		out = append(out, x[i]-x[i-lag])
	}
	return out
}
