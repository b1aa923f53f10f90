package hub

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"assay/agents"

	"github.com/robfig/cron/v3"
)

// parseCron reads five fields, or @daily and its like. The library panics on a
// time zone without fields, which is caught here.
func parseCron(text string) (cron.Schedule, error) {
	text = strings.TrimSpace(text)
	if (strings.HasPrefix(text, "TZ=") || strings.HasPrefix(text, "CRON_TZ=")) && !strings.Contains(text, " ") {
		return nil, fmt.Errorf("schedule %q: a time zone and no time", text)
	}
	s, err := cron.ParseStandard(text)
	if err != nil {
		return nil, fmt.Errorf("schedule %q: %w (want minute, hour, day, month, weekday, for example '0 2 * * *')", text, err)
	}
	return s, nil
}

// schedule keeps an order that is to be given again and again.
func (h *Hub) schedule(ctx context.Context, s agents.Schedule) error {
	if _, err := parseCron(s.Cron); err != nil {
		return err
	}
	if !agents.Word(s.ID) {
		return fmt.Errorf("schedule %.80q: want an id", s.ID)
	}
	s.Order.ID = s.ID
	if _, err := h.plan(s.Order); err != nil { // as it would be now
		return err
	}
	s.Last = time.Now()
	if err := h.put(ctx, h.schedules, s.ID, s); err != nil {
		return fmt.Errorf("keep schedule %s: %w", s.ID, err)
	}
	h.log.Info("schedule", "id", s.ID, "cron", s.Cron, "suite", s.Order.Job.Suite)
	return nil
}

// A Planned is a schedule and when it is due next.
type Planned struct {
	agents.Schedule
	Next time.Time `json:"next"`
}

// planned returns the schedules, the next one due first.
func (h *Hub) planned(ctx context.Context) ([]Planned, error) {
	var out []Planned
	err := each(ctx, h.schedules, func(_ string, s agents.Schedule) {
		p := Planned{Schedule: s}
		if c, err := parseCron(s.Cron); err == nil { // it was read when it was kept
			p.Next = c.Next(s.Last)
		}
		out = append(out, p)
	})
	slices.SortFunc(out, func(a, b Planned) int { return a.Next.Compare(b.Next) })
	return out, err
}

// unschedule forgets a schedule; what it has dispatched goes on.
func (h *Hub) unschedule(ctx context.Context, id string) error {
	all, err := h.planned(ctx)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(all, func(p Planned) bool { return p.ID == id }) {
		return fmt.Errorf("no schedule is called %q (assay fleet schedules lists them)", id)
	}
	return h.schedules.Delete(ctx, id)
}

// fire dispatches what is due. What was due several times while the hub was
// down is dispatched once. The dispatch is named after the time that it was
// due, so that a hub which is killed here does not give it twice.
func (h *Hub) fire(ctx context.Context, now time.Time) error {
	all, err := h.planned(ctx)
	if err != nil {
		return err
	}
	for _, p := range all {
		if p.Next.IsZero() || p.Next.After(now) {
			continue
		}
		o := p.Order
		o.ID = p.ID + "_" + p.Next.UTC().Format("20060102T1504")
		if _, err := h.dispatch(ctx, o); err != nil {
			h.log.Error("a scheduled dispatch was not possible", "schedule", p.ID, "why", err)
		}
		p.Last = now
		if err := h.put(ctx, h.schedules, p.ID, p.Schedule); err != nil {
			return fmt.Errorf("keep schedule %s: %w", p.ID, err)
		}
	}
	return nil
}
