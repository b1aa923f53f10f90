package main

import (
	"strings"
	"testing"

	"assay/bench/energy"
)

// TestPromises runs every row with few groups. The whole table is printed by
// make simulate.
func TestPromises(t *testing.T) {
	for i, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			got := simulate(r, 20, uint64(i))
			for _, b := range got.broken(r) {
				t.Error(b)
			}
			if got.windows != 20*2*rounds {
				t.Errorf("%d windows", got.windows)
			}
		})
	}
}

// TestReasons: what is invalid says why, and a naive method would be wrong.
func TestReasons(t *testing.T) {
	for name, want := range map[string]string{
		"idle drifts 8 % per round; counter":       "the idle power drifted from",
		"steps of 1 W, load 4 W above idle (plug)": "the meter's readings come in steps",
		"lags: smoothed with 3 s":                  "the power was not steady",
		"wraps every 9 kJ, not hidden":             "the counter went back from",
		"gaps of 3 s in each round; power":         "no reading for",
		"stuck for 4 s in each round; power":       "it is stuck",
		"stuck for 4 s in each round; counter":     "the counter stood still for",
		"NaN for 2 s in each round":                "simulated showed NaN",
		"vanishes in the first second":             "read timed out",
	} {
		found := false
		for i, r := range rows {
			if r.name == name {
				found = true
				if got := simulate(r, 5, uint64(i)); !strings.Contains(got.why, want) {
					t.Errorf("%s: %q, want %q", name, got.why, want)
				}
			}
		}
		if !found {
			t.Errorf("no row %q", name)
		}
	}
}

// TestCaught: the promises are not kept by whatever comes: readings that are
// off, or windows that claim too much, break them.
func TestCaught(t *testing.T) {
	check := func(name string, r row, j energy.Joules, truth float64) {
		t.Helper()
		var x tally
		for range 100 {
			x.count(j, truth)
		}
		if len(x.broken(r)) == 0 {
			t.Errorf("%s: not caught: %+v", name, x)
		}
	}
	check("5 % off", row{want: claims}, energy.Joules{Net: 1.05}, 1)
	check("not valid where it should be", row{want: claims}, energy.Joules{Net: 1, Invalid: "no"}, 1)
	check("valid where it should not be", row{want: refuses}, energy.Joules{Net: 1}, 1)
	check("seen where there is nothing", row{want: below}, energy.Joules{Net: 1}, 1)
}
