package reports_test

import (
	"fmt"
	"strings"
	"testing"

	"assay/bench"
	"assay/reports"
	"assay/reports/internal/example"
)

// on is the example as a run of a device that answers as given: the first case
// of the first group alone.
func on(name string, answers *bench.Answers) *bench.Result {
	r := example.Result()
	r.Run, r.Device.ID, r.Device.Name, r.Device.Class = "run-"+name, "id-"+name, name, "class-"+name
	r.Groups = r.Groups[:1]
	r.Groups[0].Cases = r.Groups[0].Cases[:1]
	r.Groups[0].Cases[0].Answers = answers
	return r
}

func TestParity(t *testing.T) {
	a := &bench.Answers{Set: "s", Classes: []int{1, 2, 3, 4}, Outputs: [][]float32{{0.5, 0.25}, {1, 2}}}
	b := &bench.Answers{Set: "s", Classes: []int{1, 2, 0, 4}, Outputs: [][]float32{{0.5, 0.5}}}
	other := &bench.Answers{Set: "x", Classes: []int{1, 2, 3, 4}}
	short := &bench.Answers{Set: "s", Classes: []int{1}}
	changed := on("c", a)
	changed.Groups[0].Cases[0].Artifact.SHA256 = "another"
	for name, c := range map[string]struct {
		runs []*bench.Result
		base string
		want string // of each row: device, flips/samples, outputs, largest, reason
	}{
		"one device":         {[]*bench.Result{on("a", a)}, "", "a none"},
		"the same":           {[]*bench.Result{on("b", a), on("a", a)}, "", "a reference 0/4 2 0, b 0/4 2 0"},
		"a flip":             {[]*bench.Result{on("b", b), on("a", a)}, "", "a reference 0/4 2 0, b 1/4 1 0.25"},
		"a flip, from b":     {[]*bench.Result{on("b", b), on("a", a)}, "b", "a 1/4 1 0.25, b reference 0/4 1 0"},
		"from an id":         {[]*bench.Result{on("b", b), on("a", a)}, "id-b", "a 1/4 1 0.25, b reference 0/4 1 0"},
		"from who is not":    {[]*bench.Result{on("b", b), on("a", a)}, "z", "a reference 0/4 2 0, b 1/4 1 0.25"},
		"other samples":      {[]*bench.Result{on("a", a), on("b", other), on("c", short)}, "", "a reference 0/4 2 0, b other samples, c other samples"},
		"another file":       {[]*bench.Result{on("a", a), changed}, "", "a reference 0/4 2 0, c another file"},
		"nothing kept":       {[]*bench.Result{on("a", nil), on("b", nil)}, "", "a none, b none"},
		"nothing kept by a":  {[]*bench.Result{on("a", nil), on("b", b), on("c", a)}, "", "a none, b reference 0/4 1 0, c 1/4 1 0.25"},
		"the newest of each": {[]*bench.Result{on("a", a), on("a", other), on("b", a)}, "", "a reference 0/4 2 0, b 0/4 2 0"},
	} {
		all := reports.SideBySide(c.runs, c.base)
		if len(all) != 1 {
			t.Fatalf("%s: %d models", name, len(all))
		}
		var got []string
		for _, r := range all[0].Rows {
			text := r.Name + " none"
			if p := r.Parity; p != nil {
				text = r.Name + map[bool]string{true: " reference"}[p.Reference] + " " + p.Reason
				if p.Reason == "" {
					text += fmt.Sprintf("%d/%d %d %g", p.Flips, p.Samples, p.Outputs, p.Largest)
				}
			}
			got = append(got, text)
		}
		if have := strings.Join(got, ", "); have != c.want {
			t.Errorf("%s: %s, want %s", name, have, c.want)
		}
	}
}
