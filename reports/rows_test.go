package reports_test

import (
	"math"
	"testing"
	"time"

	"assay/reports"
	"assay/reports/internal/example"
)

// TestRows: one row per series, whatever a result holds.
func TestRows(t *testing.T) {
	r := example.Result()
	all := len(reports.Rows(r))
	g := &r.Groups[0]
	g.Cases = append(g.Cases, g.Cases[1]) // a case twice: the first is kept
	g.Cases[len(g.Cases)-1].Values = nil
	g.Cases = append(g.Cases, g.Cases[1])
	v := g.Cases[1].Values
	v[0].Value, v[1].Low, v[2].High, v[3].Value = math.NaN(), math.Inf(-1), math.Inf(1), -3
	rows := reports.Rows(r)
	if len(rows) != all-3 {
		t.Errorf("%d rows, want %d: all but the three that are not finite", len(rows), all-3)
	}
	seen, negative := map[string]bool{}, 0
	for _, row := range rows {
		if seen[row.Series] {
			t.Errorf("series %s twice", row.Series)
		}
		seen[row.Series] = true
		if row.Value.Value < 0 {
			negative++
		}
	}
	if negative != 1 {
		t.Errorf("%d negative values, want 1", negative)
	}
}

func TestNanos(t *testing.T) {
	for _, c := range []struct {
		t    time.Time
		want int64
	}{
		{time.Time{}, 0},
		{time.Unix(12, 5), 12_000_000_005},
		{time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC), -2208988800_000000000},
		{time.Date(1600, 1, 1, 0, 0, 0, 0, time.UTC), 0},
		{time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), 0},
	} {
		got := reports.Nanos(c.t)
		if got != c.want {
			t.Errorf("Nanos(%v) = %d, want %d", c.t, got, c.want)
		}
		if got != 0 && !reports.Moment(got).Equal(c.t) {
			t.Errorf("%v comes back as %v", c.t, reports.Moment(got))
		}
	}
	if !reports.Moment(0).IsZero() {
		t.Error("0 is a time")
	}
}
