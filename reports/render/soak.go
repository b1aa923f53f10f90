package render

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"assay/bench"
	"assay/bench/unit"
)

// soakTables are the soaks of a run, one table per group, the case that is
// fastest on the plateau first: that is how a device that throttles ranks them.
func soakTables(v *view) []titled {
	var out []titled
	for i := range v.sections {
		for j := range v.sections[i].engines {
			if t, ok := soakTable(&v.sections[i].engines[j]); ok {
				out = append(out, t)
			}
		}
	}
	return out
}

func soakTable(e *engineView) (titled, bool) {
	var cases []*bench.CaseResult
	for i := range e.rows {
		if c := e.rows[i].c; c.Soak != nil {
			cases = append(cases, c)
		}
	}
	if len(cases) == 0 {
		return titled{}, false
	}
	slices.SortStableFunc(cases, func(a, b *bench.CaseResult) int {
		return cmp.Compare(a.Soak.Sustained.Latency, b.Soak.Sustained.Latency)
	})
	long := time.Duration(cases[0].Soak.Duration * float64(time.Second))
	first := "first minute"
	if long < 5*time.Minute { // bench: a fifth of the soak at most
		first = "first " + duration(long/5)
	}
	t := titled{
		title: join([]string{"soak", plain(e.group.Model) + " on " + e.heading, duration(long) + " without pause, fastest on the plateau first"}),
		rows:  [][]string{{"", first, "plateau", "held", "temperature", "clock"}},
		drop:  []string{"clock", "temperature"},
	}
	for _, c := range cases {
		s := c.Soak
		held := ""
		if s.Sustained.Latency > 0 {
			held = unit.Ratio(s.Burst.Latency / s.Sustained.Latency)
		}
		t.rows = append(t.rows, []string{
			"  " + fit(plain(c.Variant), 32), unit.Format(s.Burst.Latency, "sec"), unit.Format(s.Sustained.Latency, "sec"), held,
			fromTo(s.Burst.Celsius, s.Sustained.Celsius, "°C"), fromTo(s.Burst.MHz, s.Sustained.MHz, "MHz"),
		})
	}
	return t, true
}

// fromTo is "52 → 79 °C"; what cannot be read is said to be unknown.
func fromTo(a, b float64, unit string) string {
	if a <= 0 || b <= 0 {
		return "unknown"
	}
	return fmt.Sprintf("%.0f → %.0f %s", a, b, unit)
}
