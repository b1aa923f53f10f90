package search

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
)

// A step takes one layer to its next option on the hull.
type step struct {
	layer, option int
	price         float64 // noise that it adds for each unit of cost that it saves
}

// ladder returns plans from untouched to the least cost, each one step beyond
// the one before: the steps of all layers by price.
func ladder(layers []Layer) [][]int {
	var steps []step
	for i, l := range layers {
		steps = append(steps, hull(i, l)...)
	}
	slices.SortStableFunc(steps, func(a, b step) int { return cmp.Compare(a.price, b.price) })
	choice := make([]int, len(layers))
	for i := range choice {
		choice[i] = -1
	}
	var out [][]int
	for _, s := range steps {
		choice[s.layer] = s.option
		out = append(out, slices.Clone(choice))
	}
	return out
}

// hull returns the options of a layer on the lower convex hull of noise over
// cost, from the one of the least price on; prices ascend.
func hull(i int, l Layer) []step {
	var out []step
	cost, noise := l.Cost, 0.0
	for {
		best := step{layer: i, option: -1, price: math.Inf(1)}
		for k, o := range l.Options {
			if o.Refused != "" || math.IsNaN(o.Noise) || o.Cost >= cost {
				continue
			}
			price := max(0, o.Noise-noise) / (cost - o.Cost)
			if price < best.price || price == best.price && best.option >= 0 && o.Cost < l.Options[best.option].Cost {
				best.option, best.price = k, price
			}
		}
		if best.option < 0 {
			return out
		}
		cost, noise = l.Options[best.option].Cost, l.Options[best.option].Noise
		out = append(out, best)
	}
}

// walk measures plans of the ladder: first by bisection for the last one within
// the limit, then those between, then the best without the layers that gain
// nothing beside their neighbours.
func (s *searcher) walk(ctx context.Context) error {
	plans := ladder(s.Layers)
	if len(plans) == 0 {
		if s.left(noisesUntil) {
			s.note("no technique gains anything on any layer")
		}
		return nil
	}
	low, high := -1, len(plans)-1 // plans[low] is within the limit, those above high are not
	for try := high; low < high && s.more(); try = (low + high + 1) / 2 {
		f, ok, err := s.rung(ctx, plans, try)
		if err != nil {
			return err
		}
		if ok && f.Drop <= s.limits.Drop {
			low = try
		} else {
			high = try - 1
		}
	}
	const between = 4 // plans below the limit, for those who want to lose less
	for k := 1; k <= between && low > 0 && s.more(); k++ {
		if _, _, err := s.rung(ctx, plans, low*k/(between+1)); err != nil {
			return err
		}
	}
	return s.prune(ctx)
}

// more reports whether another plan may be measured.
func (s *searcher) more() bool { return s.left(plansUntil) && len(s.Tried) < most }

// rung measures a plan of the ladder, or looks up what was measured of it.
func (s *searcher) rung(ctx context.Context, plans [][]int, i int) (Found, bool, error) {
	f, ok, err := s.measure(ctx, plans[i], fmt.Sprintf("step %d of %d", i+1, len(plans)))
	if ok || err != nil {
		return f, ok, err
	}
	for _, f := range s.Tried {
		if slices.Equal(f.Choice, plans[i]) {
			return f, true, nil
		}
	}
	return f, false, nil
}

// prune profiles the best plan, and tries it without the layers that cost more
// in it than they did untouched: what a technique gains everywhere it may lose
// between neighbours that are left alone.
func (s *searcher) prune(ctx context.Context) error {
	best := s.best()
	if best == nil || !s.more() {
		return nil
	}
	var names []string
	for _, l := range s.Layers {
		names = append(names, l.Node)
	}
	costs, err := s.meters.Profile(ctx, best.Model, names)
	if errors.Is(err, errors.ErrUnsupported) {
		return nil
	} else if err != nil {
		return err
	}
	choice, gone := slices.Clone(best.Choice), 0
	for i, l := range s.Layers {
		if c, ok := costs[l.Node]; ok && choice[i] >= 0 && c > l.Cost {
			choice[i], gone = -1, gone+1
		}
	}
	if gone == 0 || gone == len(choice) {
		return nil
	}
	_, _, err = s.measure(ctx, choice, fmt.Sprintf("%s, without %d layers that gain nothing in it", best.From, gone))
	return err
}

// best returns the cheapest plan within the limit, nil if there is none.
func (s *searcher) best() *Found {
	var best *Found
	for i := range s.Tried {
		f := &s.Tried[i]
		if f.Drop <= s.limits.Drop && (best == nil || f.Ratio < best.Ratio) {
			best = f
		}
	}
	return best
}

// Front returns the plans within the limit that cost less than the baseline
// and that no other one beats in both accuracy and cost, the least cost last.
// Costs that differ by less than level count as the same: then the plan that
// loses less stays.
func Front(tried []Found, limit, level float64) []Found {
	list := slices.Clone(tried)
	slices.SortStableFunc(list, func(a, b Found) int { return cmp.Or(cmp.Compare(a.Drop, b.Drop), cmp.Compare(a.Ratio, b.Ratio)) })
	var out []Found
	reach := 1.0
	for _, f := range list {
		if f.Drop <= limit && f.Ratio < reach-level {
			out = append(out, f)
			reach = f.Ratio
		}
	}
	return out
}
