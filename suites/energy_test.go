package suites

import (
	"testing"
	"time"

	"assay/bench"
)

func TestEnergyPlan(t *testing.T) {
	f, err := Load("testdata/good/energy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		suite string
		want  *bench.EnergyPlan
	}{
		{"base", &bench.EnergyPlan{Rounds: 7, Settle: 30 * time.Second, Budget: time.Hour}},
		{"merged", &bench.EnergyPlan{Rounds: 3, Idle: 40 * time.Second, Settle: 30 * time.Second, Budget: time.Hour}},
		{"off", nil},
		{"plain", &bench.EnergyPlan{Rounds: 5, Settle: 30 * time.Second}},
	} {
		x, err := f.Expand(c.suite, testEnv())
		if err != nil {
			t.Fatal(err)
		}
		if got := x.Plan.Energy; (got == nil) != (c.want == nil) || got != nil && *got != *c.want {
			t.Errorf("%s: %+v, want %+v", c.suite, got, c.want)
		}
	}
}
