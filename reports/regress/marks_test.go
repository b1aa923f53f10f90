package regress

import (
	"testing"

	"assay/bench/stat"
	"assay/bench/stat/watch"
)

func TestMarks(t *testing.T) {
	r := Report{
		Better:   []Change{{Series: "c", Word: watch.Better, Kind: stat.Step, Size: Ratio{0.9, 0.88, 0.92}, Begin: "r3"}},
		Suspects: []Change{{Series: "b", Word: watch.Suspect, Kind: stat.Step, Size: Ratio{1.02, 0.99, 1.05}, Trials: 12}},
		Changes:  []Change{{Series: "a", Word: watch.Confirmed, Kind: stat.Drift, Size: Ratio{1.053, 1.041, 1.066}, Again: &Ratio{1.05, 1.04, 1.06}, Begin: "r1", Causes: []string{"x"}}},
	}
	for i, want := range []struct{ series, word, text, begin string }{
		{"a", "worse", "confirmed, drift to 1.053× (1.041× to 1.066×); measured again 1.050× (1.040× to 1.060×)", "r1"},
		{"b", "suspect", "suspect, step to 1.020× (0.990× to 1.050×); 12 more trials would tell", ""},
		{"c", "better", "better, step to 0.900× (0.880× to 0.920×)", "r3"},
	} {
		m := r.Marks()[i]
		if m.Series != want.series || m.Word != want.word || m.Text != want.text || m.Begin != want.begin {
			t.Errorf("got %+v, want %+v", m, want)
		}
	}
	if got := (&Report{}).Marks(); got != nil {
		t.Errorf("nothing changed: %+v", got)
	}
}
