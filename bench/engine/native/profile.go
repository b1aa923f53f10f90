package native

import (
	"fmt"
	"slices"
	"time"

	"assay/bench/engine"
)

// maxProfile bounds the readings of one profile: 8 bytes each.
const maxProfile = 1 << 24

// Profile implements engine.Profiler. Every second run is read node by node,
// the others only as a whole, so that both see the same conditions; successive
// runs have successive inputs, since one that is repeated at once is faster: its
// branches are predicted. A clock reading is about 0.1 µs long and is part of
// every node's time.
func (s *session) Profile(runs int) (engine.Profile, error) {
	if s.steps == nil {
		return engine.Profile{}, errClosed
	}
	if len(s.sets) == 0 {
		return engine.Profile{}, errUnbound
	}
	if runs < 1 || runs > maxProfile/max(len(s.nodes), 1) {
		return engine.Profile{}, fmt.Errorf("profile of %d runs: 1 to %d are possible for %d nodes", runs, maxProfile/max(len(s.nodes), 1), len(s.nodes))
	}
	times := make([][]int64, len(s.nodes)) // by node and run
	for i := range times {
		times[i] = make([]int64, runs)
	}
	whole := make([]int64, runs)
	if err := s.Run(0); err != nil { // warms up
		return engine.Profile{}, err
	}
	for k := range runs {
		start := time.Now()
		if err := s.Run(2 * k % len(s.sets)); err != nil {
			return engine.Profile{}, err
		}
		whole[k] = int64(time.Since(start))
		s.read((2*k+1)%len(s.sets), k, times)
	}
	roof := peaks(s.pool)
	p := engine.Profile{Runs: runs, NS: median(whole), Resolution: float64(resolution()), Nodes: slices.Clone(s.nodes), Roof: &roof}
	for i := range p.Nodes {
		p.Nodes[i].NS = median(times[i])
	}
	roof.Measure(p.Nodes)
	return p, nil
}

// read runs set and writes the time of every node into column k of times.
func (s *session) read(set, k int, times [][]int64) {
	for i, t := range s.sets[set] {
		s.env.buf[i] = t.Data
	}
	last := time.Now()
	for i := range s.steps {
		s.steps[i].run()
		now := time.Now()
		times[s.steps[i].node][k] += int64(now.Sub(last))
		last = now
	}
}

// median sorts v and returns its median, 0 of nothing.
func median(v []int64) float64 {
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	return float64(v[len(v)/2]+v[(len(v)-1)/2]) / 2
}

// resolution returns the time of a clock reading in ns, which every node's
// time holds: the least of a few.
func resolution() int64 {
	best := int64(1 << 62)
	for range 100 {
		start := time.Now()
		best = min(best, int64(time.Since(start)))
	}
	return max(best, 1)
}
