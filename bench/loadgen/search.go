package loadgen

import "math"

// A Search finds the highest rate that holds a latency bound: it widens a
// bracket from a guess until one end holds and the other does not, then halves
// it on the logarithm. Whoever drives it asks Next for a rate, tries it, and
// gives the outcome to Tell, until Next says that it is over.
type Search struct {
	Guess float64 // the first rate, above 0
	Step  float64 // factor by which the bracket widens at first, above 1; doubled in logs each time
	Fine  float64 // the bracket is narrow enough at this ratio, above 1
	Floor float64 // a rate that fails and is below this one ends the search: none holds
	Most  int     // probes, at most

	holds, fails float64 // best so far, 0 and +Inf where none
	step         float64
	probes       int
	asked        float64
}

// NewSearch returns a search with the usual fineness of 1 %: first within a
// factor step of guess, down to floor.
func NewSearch(guess, step, floor float64) *Search {
	return &Search{Guess: guess, Step: step, Fine: 1.01, Floor: floor, Most: 24}
}

// Next returns the rate to try; false when the search has ended.
func (s *Search) Next() (rate float64, ok bool) {
	if s.probes >= s.Most || !(s.Guess > 0) || math.IsInf(s.Guess, 0) || !(s.Step > 1) || !(s.Fine > 1) {
		return 0, false
	}
	if s.probes == 0 {
		s.fails, s.step, s.asked = math.Inf(1), s.Step, s.Guess
		return s.asked, true
	}
	switch {
	case s.holds == 0:
		if s.fails <= s.Floor {
			return 0, false
		}
		s.asked = max(s.fails/s.step, s.Floor)
		s.step *= s.step
	case math.IsInf(s.fails, 1):
		s.asked = s.holds * s.step
		s.step = min(s.step*s.step, 4) // up is expensive: each probe sends more
	case s.fails/s.holds <= s.Fine:
		return 0, false
	default:
		s.asked = math.Sqrt(s.fails * s.holds)
	}
	if !(s.asked > 0) || math.IsInf(s.asked, 0) {
		return 0, false
	}
	return s.asked, true
}

// Tell records whether the rate that Next returned holds the bound.
func (s *Search) Tell(holds bool) {
	s.probes++
	if holds {
		s.holds = max(s.holds, s.asked)
	} else {
		s.fails = min(s.fails, s.asked)
	}
}

// Rate returns the highest rate that held, 0 where none did.
func (s *Search) Rate() float64 { return s.holds }

// Closed reports whether a rate that failed is known too, near the one that
// held: otherwise the search ran out of probes and the rate is a lower bound.
func (s *Search) Closed() bool { return s.holds > 0 && s.fails/s.holds <= s.Fine }

// Probes returns how many rates were tried.
func (s *Search) Probes() int { return s.probes }
