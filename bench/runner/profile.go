package runner

import (
	"errors"
	"fmt"
	"math"

	"assay/bench/engine"
)

// maxProfileRuns bounds the inferences of one profile.
const maxProfileRuns = 1 << 16

// profile answers opProfile on the inputs that bind gave.
func (s *server) profile(q *request) (*answer, error) {
	switch {
	case s.ses == nil:
		return nil, errNotLoaded
	case q.Runs < 1 || q.Runs > maxProfileRuns:
		return nil, fmt.Errorf("a profile of %d inferences (1 to %d)", q.Runs, maxProfileRuns)
	}
	p, ok := s.ses.(engine.Profiler)
	if !ok {
		return nil, fmt.Errorf("this worker does not profile: %w", errors.ErrUnsupported)
	}
	if len(s.timed.sets) == 0 {
		return nil, errors.New("no inputs are bound")
	}
	if err := s.use(&s.timed); err != nil {
		return nil, err
	}
	f, err := p.Profile(int(q.Runs))
	if err != nil {
		return nil, err
	}
	return &answer{Profile: &f}, nil
}

// checkProfile reports what cannot be true of a profile.
func checkProfile(p *engine.Profile) error {
	if p.Runs < 1 || bad(p.NS) || bad(p.Resolution) {
		return fmt.Errorf("profile of %d runs, %v ns, resolution %v ns", p.Runs, p.NS, p.Resolution)
	}
	for i, n := range p.Nodes {
		if bad(n.NS) || bad(n.Share) || n.MACs < -1 || n.Bytes < -1 {
			return fmt.Errorf("node %d (%s): %v ns, %d MACs, %d bytes, share %v", i, n.Op, n.NS, n.MACs, n.Bytes, n.Share)
		}
	}
	if r := p.Roof; r != nil {
		if bad(r.Float) || bad(r.Int8) {
			return fmt.Errorf("roof of %v and %v multiplications per second", r.Float, r.Int8)
		}
		for _, c := range r.Copy {
			if c.Set < 0 || bad(c.Rate) {
				return fmt.Errorf("roof of %v bytes per second in %d bytes", c.Rate, c.Set)
			}
		}
	}
	return nil
}

func bad(v float64) bool { return !(v >= 0) || math.IsInf(v, 0) }
