package hub

import (
	"slices"
	"time"

	"assay/agents"
)

// A Dispatched is a dispatch at a glance.
type Dispatched struct {
	ID    string               `json:"id"`
	Suite string               `json:"suite"`
	At    time.Time            `json:"at"`
	Jobs  int                  `json:"jobs"`
	Ended map[agents.State]int `json:"ended"` // jobs by how they ended
}

// mostListed is how many dispatches are listed.
const mostListed = 50

// dispatched returns the newest dispatches, the newest first.
func (h *Hub) dispatched() []Dispatched {
	h.mu.Lock()
	defer h.mu.Unlock()
	plans := make([]agents.Plan, 0, len(h.plans))
	for _, p := range h.plans {
		plans = append(plans, p)
	}
	slices.SortFunc(plans, func(a, b agents.Plan) int { return b.At.Compare(a.At) })
	out := []Dispatched{}
	for _, p := range plans[:min(len(plans), mostListed)] {
		d := Dispatched{ID: p.ID, Suite: p.Job.Suite, At: p.At, Jobs: len(p.Targets), Ended: map[agents.State]int{}}
		for _, t := range p.Targets {
			if o, over := h.ended[t.Job]; over {
				d.Ended[o.State]++
			}
		}
		out = append(out, d)
	}
	return out
}
