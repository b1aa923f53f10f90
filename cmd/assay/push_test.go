package main

import (
	"strings"
	"testing"
	"time"

	"assay/reports/store/outbox"
)

// TestStatusText is what a person reads of a queue.
func TestStatusText(t *testing.T) {
	now := time.Date(2026, 11, 25, 8, 0, 0, 0, time.UTC)
	letter := func(run, why, line string) outbox.Letter {
		return outbox.Letter{Run: run, Died: now.Add(-3 * time.Hour), Status: 400, Why: why, Line: line}
	}
	for _, c := range []struct {
		name string
		s    outbox.Status
		want string
	}{
		{"nothing", outbox.Status{}, `
server         S
queue          empty
dead letters   none
`},
		{"waiting", outbox.Status{
			Runs: 1, Points: 75, Oldest: now.Add(-90 * time.Minute), Done: now.Add(-72 * time.Hour), Tried: now.Add(-2 * time.Minute),
			Next: now.Add(time.Minute), Attempts: 3, Why: "S answers 503: busy",
		}, `
server         S
queue          75 points of 1 run, the oldest queued 2026-11-25 06:30 UTC (90 min ago)
last delivery  2026-11-22 08:00 UTC (3 days ago)
last attempt   2026-11-25 07:58 UTC (2 min ago): S answers 503: busy
               3 attempts in a row failed; the next not before 2026-11-25 08:01 UTC
dead letters   none
`},
		{"paused, and a clock that went back", outbox.Status{
			Runs: 2, Points: 1, Oldest: now.Add(time.Hour), Tried: now.Add(-5 * time.Hour), Next: now.Add(time.Minute), Attempts: 1, Paused: true, Why: "S answers 401: no",
		}, `
server         S
queue          1 point of 2 runs, the oldest queued 2026-11-25 09:00 UTC
last attempt   2026-11-25 03:00 UTC (5 h ago): S answers 401: no
               paused until this is mended; looked at again from 2026-11-25 08:01 UTC, or now by assay push
dead letters   none
`},
		{"dead letters", outbox.Status{Dead: []outbox.Letter{
			letter("a", "conflict", "assay_summary,device=d value=1 1"), letter("b", "conflict", "x"), letter("b", "conflict", "y"),
			letter("c", "damaged", ""), letter("c", "long", strings.Repeat("z", 200)),
		}}, `
server         S
queue          empty
dead letters   5 (--retry-dead sends them again, --drop-dead forgets them)
  3 points of 2 runs, the first 2026-11-25 05:00 UTC: conflict
    run a: assay_summary,device=d value=1 1…
  1 point of 1 run, the first 2026-11-25 05:00 UTC: damaged
  1 point of 1 run, the first 2026-11-25 05:00 UTC: long
    run c: ` + strings.Repeat("z", 100) + `…
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b strings.Builder
			if err := writeStatus(&b, c.s, "S", now); err != nil {
				t.Fatal(err)
			}
			if got := "\n" + b.String(); got != c.want {
				t.Errorf("got%swant%s", got, c.want)
			}
		})
	}
}
