package search

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"assay/models/compress"
)

// Why an option is no choice, where the search itself says so.
const (
	gainsNothing = "it gains nothing"
	outOfTime    = "not tried: the time was over"
)

// whole measures a technique on all layers: what each of them costs then, and
// the model as one of the plans. A technique that cannot be used is noted.
func (s *searcher) whole(ctx context.Context, t string) error {
	k := len(s.techniques)
	for i := range s.Layers {
		s.Layers[i].Options = append(s.Layers[i].Options, Option{Technique: t, Noise: math.NaN()})
	}
	err := s.spread(ctx, t, k)
	if err == nil {
		s.techniques = append(s.techniques, t)
		return nil
	}
	for i := range s.Layers {
		s.Layers[i].Options = s.Layers[i].Options[:k]
	}
	if ctx.Err() != nil {
		return err
	}
	s.note("%s is left out: %w", t, err)
	return nil
}

func (s *searcher) spread(ctx context.Context, t string, k int) error {
	choice := make([]int, len(s.Layers))
	for i := range choice {
		choice[i] = k
	}
	m, r, err := s.make(ctx, choice, s.opt)
	if err != nil {
		return err
	}
	if why := r.Idle(); why != "" {
		return fmt.Errorf("it changes nothing: %s", why)
	}
	var names []string
	for i := range s.Layers {
		names = append(names, s.Layers[i].Node)
	}
	costs, err := s.meters.Profile(ctx, m, names)
	if err != nil {
		return err
	}
	for i := range s.Layers {
		l := &s.Layers[i]
		o := &l.Options[k]
		j := slices.IndexFunc(r.Nodes, func(n compress.NodeReport) bool { return n.Name == l.Node })
		cost, ok := costs[l.Node]
		switch {
		case j < 0:
			o.Refused = "it is not there any more"
		case !r.Nodes[j].Changed:
			o.Refused = r.Nodes[j].Reason
		case !ok:
			o.Refused = "the profile does not tell its cost"
		default:
			o.Cost = cost
		}
		if o.Refused != "" {
			choice[i] = -1
		}
	}
	_, _, err = s.measure(ctx, choice, t+" on all layers")
	return err
}

// noises measures the noise of each technique on each layer alone, those that
// promise most first, until the time is spent that noises may take. A technique that gains
// nothing on a layer is no choice there.
func (s *searcher) noises(ctx context.Context) error {
	type pair struct {
		layer, option int
		gain          float64
	}
	var list []pair
	for i, l := range s.Layers {
		for k, o := range l.Options {
			switch gain := l.Cost - o.Cost; {
			case o.Refused != "":
			case gain <= 0:
				s.Layers[i].Options[k].Refused = gainsNothing
			default:
				list = append(list, pair{i, k, gain})
			}
		}
	}
	slices.SortStableFunc(list, func(a, b pair) int {
		if a.gain > b.gain {
			return -1
		} else if a.gain < b.gain {
			return 1
		}
		return 0
	})
	for n, p := range list {
		l := &s.Layers[p.layer]
		o := &l.Options[p.option]
		if !s.left(noisesUntil) {
			for _, q := range list[n:] {
				s.Layers[q.layer].Options[q.option].Refused = outOfTime
			}
			s.note("%d of %d pairs of a layer and a technique were not tried, for lack of time", len(list)-n, len(list))
			return nil
		}
		noise, err := s.alone(ctx, p.layer, p.option)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			o.Refused = err.Error()
			continue
		}
		o.Noise = noise
		s.seen(fmt.Sprintf("%s on %s alone: outputs keep %s", o.Technique, l.Node, compress.Decibels(-10*math.Log10(noise))))
	}
	return nil
}

// alone returns the noise over signal of the outputs where one layer is
// compressed.
func (s *searcher) alone(ctx context.Context, layer, option int) (float64, error) {
	choice := make([]int, len(s.Layers))
	for i := range choice {
		choice[i] = -1
	}
	choice[layer] = option
	m, r, err := s.make(ctx, choice, s.few)
	if err != nil {
		return 0, err
	}
	if err := r.Compare(ctx, s.Base, m, s.few); err != nil {
		return 0, err
	}
	if !r.Compared || math.IsNaN(r.Output) {
		return 0, errors.New("its outputs cannot be compared")
	}
	return math.Pow(10, -r.Output/10), nil
}
