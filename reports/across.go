package reports

import (
	"cmp"
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
}

// SideBySide puts the cases of runs beside each other by model, in the order
// of the first run that holds it; runs come newest first, and of one case on
// one device the newest counts. Rows are in the order of variants, the
// baseline first, then of the case and of the device's class and name.
func SideBySide(runs []*bench.Result) []Across {
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
