package main

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
)

// least returns the smallest share of n replications that is still believable
// when the true share is p: one honest cell in 10,000 falls below it.
func least(p float64, n int) float64 {
	b := distuv.Binomial{N: float64(n), P: p}
	k := n
	for b.CDF(float64(k-1)) > 1e-4 {
		k--
	}
	return float64(k) / float64(n)
}

// TestPromises is the short form of the proof: every noise model under the
// release plan, with a tolerance for the number of replications. The whole
// proof is the command itself (make simulate).
func TestPromises(t *testing.T) {
	const reps = 600
	for j, n := range noises {
		c := simulate(n, plans[1], reps, uint64(j))
		if want := least(leastCover, reps); c.Cover95 < want {
			t.Errorf("%s: coverage %.3f, want %.3f at least", n.Name, c.Cover95, want)
		}
		if want := least(leastPower, reps); c.Power < want {
			t.Errorf("%s: power %.3f, want %.3f at least", n.Name, c.Power, want)
		}
		if got, want := 1-c.False, least(1-mostFalse, reps); got < want {
			t.Errorf("%s: false fails %.3f, want %.3f at most", n.Name, c.False, 1-want)
		}
	}
}

// TestPeekingIsCaught shows that the proof can fail: stopping when a t
// interval looks narrow enough does not reach the promised coverage, and the
// same tolerance sees it.
func TestPeekingIsCaught(t *testing.T) {
	const reps = 2000
	c := simulate(noises[2], plans[1], reps, 1)
	if limit := least(leastCover, reps); c.Peeking >= limit {
		t.Errorf("coverage of peeking is %.3f, which passes the limit of %.3f", c.Peeking, limit)
	}
}

// TestRelease holds the error level of ten gates judged together: 5 %.
func TestRelease(t *testing.T) {
	const reps = 60
	r := simulateRelease(noises[1], plans[1], releaseGates, reps, 1)
	if got, want := 1-r.Edge, least(0.95, reps); got < want {
		t.Errorf("some verdict in %.3f of releases whose cases lie on the limit, want %.3f at most", r.Edge, 1-want)
	}
	if want := least(leastPower, reps); r.Power < want {
		t.Errorf("power %.3f, want %.3f at least", r.Power, want)
	}
}

func TestAccuracy(t *testing.T) {
	const reps = 400
	for j, f := range flips[:5] {
		if a, want := simulateAccuracy(f, reps, uint64(j)), least(leastCover, reps); a.Cover95 < want {
			t.Errorf("%+v: coverage %.3f, want %.3f at least", f, a.Cover95, want)
		}
	}
}

// TestDocumented keeps the rows of docs/method.md those of the simulation.
func TestDocumented(t *testing.T) {
	page, err := os.ReadFile("../../../docs/method.md")
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range append(slices.Clone(noises), beyond...) {
		want := len(plans)
		if i >= len(noises) {
			want = 1
		}
		if got := strings.Count(string(page), "| "+n.Name+" |"); got < want {
			t.Errorf("docs/method.md has %d rows on %q, want %d: paste what make simulate prints", got, n.Name, want)
		}
	}
}

func TestRunPrintsMarkdown(t *testing.T) {
	var out, talk bytes.Buffer
	run([]string{"-reps", "2"}, &out, &talk) // two replications keep no promise: the exit code is not looked at
	for _, n := range append(slices.Clone(noises), beyond...) {
		if !strings.Contains(out.String(), "| "+n.Name+" |") {
			t.Errorf("the table lacks %q", n.Name)
		}
	}
	if code := run([]string{"-nonsense"}, &out, &talk); code != 2 {
		t.Errorf("exit code of a wrong flag: %d, want 2", code)
	}
}
