package reports

import (
	"cmp"
	"math"
	"slices"

	"assay/bench"
)

// An Across is one model on all devices that ran it, side by side.
type Across struct {
	Task  string      `json:"task,omitempty"`
	Model string      `json:"model"`
	Rows  []AcrossRow `json:"rows"`
}

// An AcrossRow is a case on one device, in the newest run given that holds it.
type AcrossRow struct {
	Run       string            `json:"run"`
	Device    string            `json:"device"` // id
	Name      string            `json:"name"`   // of the device
	Class     string            `json:"class"`
	Build     string            `json:"build"`
	Untrusted string            `json:"untrusted,omitempty"` // why its timing is no evidence
	Case      *bench.CaseResult `json:"case"`
	Parity    *Parity           `json:"parity,omitempty"` // nil where there is nothing to compare with
}

// A Parity says how far a case's answers are those of the same case on the
// baseline device.
type Parity struct {
	Reference bool    `json:"reference,omitempty"` // this is the baseline device
	Samples   int     `json:"samples"`
	Flips     int     `json:"flips"`            // samples with another answer
	Outputs   int     `json:"outputs"`          // samples whose outputs both kept
	Largest   float64 `json:"largest"`          // absolute difference of two outputs
	Reason    string  `json:"reason,omitempty"` // why the two cannot be compared
}

// SideBySide puts the cases of runs beside each other by model, in the order
// of the first run that holds it; runs come newest first, and of one case on
// one device the newest counts. Rows are in the order of variants, the
// baseline first, then of the case and of the device's class and name. base is
// the id or name of the device that answers are compared with; where it has not
// run a case, or is empty, the first row of the case is.
func SideBySide(runs []*bench.Result, base string) []Across {
	var out []Across
	seen := map[string]bool{}
	for _, r := range runs {
		for i := range r.Groups {
			g := &r.Groups[i]
			for j := range g.Cases {
				c := &g.Cases[j]
				if key := r.Device.ID + "\x00" + CaseKey(&c.Case); !seen[key] {
					seen[key] = true
					out = enter(out, r, g, c)
				}
			}
		}
	}
	for i := range out {
		slices.SortStableFunc(out[i].Rows, byCase)
		out[i].parity(base)
	}
	return out
}

// enter adds a case to its model.
func enter(all []Across, r *bench.Result, g *bench.GroupResult, c *bench.CaseResult) []Across {
	at := slices.IndexFunc(all, func(a Across) bool { return a.Task == c.Task && a.Model == c.Model })
	if at < 0 {
		at, all = len(all), append(all, Across{Task: c.Task, Model: c.Model})
	}
	row := AcrossRow{Run: r.Run, Device: r.Device.ID, Name: r.Device.Name, Class: r.Device.Class, Build: g.Build, Case: c}
	if len(g.Untrusted) > 0 {
		row.Untrusted = g.Untrusted[0]
	}
	all[at].Rows = append(all[at].Rows, row)
	return all
}

func byCase(a, b AcrossRow) int {
	baseline := func(r AcrossRow) int {
		if r.Case.Variant == bench.Baseline {
			return 0
		}
		return 1
	}
	x, y := a.Case, b.Case
	return cmp.Or(
		cmp.Compare(baseline(a), baseline(b)), cmp.Compare(x.Variant, y.Variant), cmp.Compare(x.Engine, y.Engine), cmp.Compare(x.Provider, y.Provider),
		cmp.Compare(x.Scenario, y.Scenario), cmp.Compare(x.Threads, y.Threads), cmp.Compare(x.Batch, y.Batch),
		cmp.Compare(a.Class, b.Class), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Device, b.Device),
	)
}

// parity compares the answers of each case with those on the baseline device.
func (a *Across) parity(base string) {
	for from := 0; from < len(a.Rows); {
		to := from + 1
		for to < len(a.Rows) && CaseKey(&a.Rows[to].Case.Case) == CaseKey(&a.Rows[from].Case.Case) {
			to++
		}
		rows := a.Rows[from:to]
		from = to
		answered := func(r AcrossRow) bool { return r.Case.Answers != nil }
		ref := slices.IndexFunc(rows, func(r AcrossRow) bool { return answered(r) && base != "" && (r.Device == base || r.Name == base) })
		if ref < 0 {
			ref = slices.IndexFunc(rows, answered)
		}
		if ref < 0 || len(rows) < 2 {
			continue
		}
		for i := range rows {
			if answered(rows[i]) {
				rows[i].Parity = parityOf(rows[i].Case, rows[ref].Case)
			}
		}
		rows[ref].Parity.Reference = true
	}
}

// parityOf compares what two devices answered.
func parityOf(c, ref *bench.CaseResult) *Parity {
	a, b := c.Answers, ref.Answers
	switch {
	case a.Set != b.Set || len(a.Classes) != len(b.Classes):
		return &Parity{Reason: "other samples"}
	case c.Artifact.SHA256 != ref.Artifact.SHA256:
		return &Parity{Reason: "another file"}
	}
	p := &Parity{Samples: len(a.Classes)}
	for i, x := range a.Classes {
		if x != b.Classes[i] {
			p.Flips++
		}
	}
	for i := range min(len(a.Outputs), len(b.Outputs)) {
		if len(a.Outputs[i]) != len(b.Outputs[i]) {
			break
		}
		p.Outputs++
		for j, x := range a.Outputs[i] {
			p.Largest = max(p.Largest, math.Abs(float64(x)-float64(b.Outputs[i][j])))
		}
	}
	return p
}
