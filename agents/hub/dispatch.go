package hub

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"assay/agents"
)

// maxExpire bounds how long a job may wait and run.
const maxExpire = 14 * 24 * time.Hour

// dispatch turns an order into a plan, keeps it, and queues its jobs. The same
// order may come twice, if the answer to the first was lost: it is the same
// dispatch then.
func (h *Hub) dispatch(ctx context.Context, o agents.Order) (agents.Plan, error) {
	h.dispatching.Lock()
	defer h.dispatching.Unlock()
	h.mu.Lock()
	p, known := h.plans[o.ID]
	h.mu.Unlock()
	if !known {
		var err error
		if p, err = h.plan(o); err != nil {
			return p, err
		}
		if err := h.put(ctx, h.dispatches, p.ID, p); err != nil {
			return p, fmt.Errorf("keep dispatch %s: %w", p.ID, err)
		}
		h.mu.Lock()
		h.addPlan(p)
		h.mu.Unlock()
		h.log.Info("dispatch", "id", p.ID, "suite", p.Job.Suite, "to", o.To, "jobs", len(p.Targets))
	}
	return p, steady(ctx, h.log, "queue jobs", func() error { return h.queue(ctx, p, p.Targets) })
}

// addPlan enters a plan into the mirrors; h.mu is held.
func (h *Hub) addPlan(p agents.Plan) {
	h.plans[p.ID] = p
	for _, t := range p.Targets {
		h.targets[t.Job] = place{dispatch: p.ID, target: t}
	}
}

// plan resolves an order: one job for each device that the expression matches,
// or for each class of them.
func (h *Hub) plan(o agents.Order) (agents.Plan, error) {
	now := time.Now()
	p := agents.Plan{ID: o.ID, At: now, Expires: now.Add(o.Expire), Job: o.Job}
	expr, err := agents.ParseExpr(o.To)
	if err != nil {
		return p, err
	}
	if !agents.Word(o.ID) || o.Job.Document == "" || o.Expire <= 0 || o.Expire > maxExpire {
		return p, fmt.Errorf("dispatch %.80q: want an id, a suite, and an end within %v", o.ID, maxExpire)
	}
	if !slices.Contains(agents.Lanes, o.Lane) {
		return p, fmt.Errorf("unknown priority %q (have %s)", o.Lane, strings.Join(agents.Lanes, ", "))
	}
	all := h.fleet()
	meant := slices.DeleteFunc(slices.Clone(all), func(m Member) bool { return !expr.Match(m.Labels) })
	if len(meant) == 0 {
		return p, fmt.Errorf("no device matches %q (%s)", o.To, labelsOf(all))
	}
	add := func(t agents.Target) {
		t.Job, t.Lane = fmt.Sprintf("%s-%d", o.ID, len(p.Targets)+1), o.Lane
		p.Targets = append(p.Targets, t)
	}
	if !o.Any {
		for _, m := range meant {
			add(agents.Target{Device: m.ID, Name: m.Name, Class: m.Class, Missing: m.absent()})
		}
		return p, nil
	}
	byClass := map[string][]Member{}
	for _, m := range meant {
		byClass[m.Class] = append(byClass[m.Class], m)
	}
	for _, class := range slices.Sorted(maps.Keys(byClass)) {
		t := agents.Target{Class: class}
		if !slices.ContainsFunc(byClass[class], func(m Member) bool { return m.absent() == "" }) {
			t.Missing = "no device of the class is there, or all are drained"
		}
		add(t)
	}
	return p, nil
}

// labelsOf says which labels there are to choose from.
func labelsOf(all []Member) string {
	have := map[string]bool{}
	for _, m := range all {
		for k, v := range m.Labels {
			if k != "id" {
				have[k+"="+v] = true
			}
		}
	}
	if len(all) == 0 {
		return "none is enrolled: assay fleet invite prints how one joins"
	}
	return "have " + strings.Join(slices.Sorted(maps.Keys(have)), ", ")
}

// cancel ends the open jobs of a dispatch, or one job.
func (h *Hub) cancel(ctx context.Context, what string) (int, error) {
	var open []agents.Target
	h.mu.Lock()
	_, known := h.targets[what]
	for job, p := range h.targets {
		_, over := h.ended[job]
		known = known || p.dispatch == what
		if !over && (job == what || p.dispatch == what) {
			open = append(open, p.target)
		}
	}
	h.mu.Unlock()
	if !known {
		return 0, fmt.Errorf("no dispatch and no job is called %q", what)
	}
	ends := make([]*agents.Outcome, len(open))
	for i, t := range open {
		ends[i] = &agents.Outcome{Job: t.Job, State: agents.Cancelled, Reason: "cancelled by hand"}
	}
	if err := h.end(ctx, ends); err != nil {
		return 0, err
	}
	return len(open), nil
}
