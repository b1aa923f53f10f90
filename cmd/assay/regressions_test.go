package main

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"assay/bench/metric"
	"assay/bench/stat/watch"
	"assay/reports"
	"assay/reports/store"
)

// nights FILE N makes a history of the only run in a store: it is moved N+1
// nights back, and N nights follow on which every value is that of the run,
// with 1 % of noise. On each night one series was measured again as a control.
func nights(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	path, ctx := ts.MkAbs(args[0]), context.Background()
	s, err := store.Open(path)
	ts.Check(err)
	runs, err := s.List(ctx, reports.Filter{})
	ts.Check(err)
	r, err := s.Get(ctx, store.Latest)
	ts.Check(err)
	rnd := rand.New(rand.NewPCG(1, 1))
	keys, err := s.SeriesKeys(ctx, r.Run)
	ts.Check(err)
	when := map[string]int{runs[0].ID: n + 1}
	var again []reports.Remeasured
	for k := range n {
		copied, err := s.Get(ctx, r.Run)
		ts.Check(err)
		copied.Run = fmt.Sprintf("night%03d", k)
		for i := range copied.Groups {
			for j := range copied.Groups[i].Cases {
				for v := range copied.Groups[i].Cases[j].Values {
					e := &copied.Groups[i].Cases[j].Values[v]
					if !metric.Lookup(e.Metric).Exact {
						e.Value *= math.Exp(0.01 * rnd.NormFloat64())
					}
				}
			}
		}
		ts.Check(s.Put(ctx, copied))
		when[copied.Run] = n - k
		for range 12 {
			again = append(again, reports.Remeasured{Series: keys[rnd.IntN(len(keys))], Run: copied.Run, Accepted: r.Run, By: "test", Control: true, Ratio: watch.Ratio{Mid: 0.001 * rnd.NormFloat64(), SE: 0.001, DF: 7, N: 8}})
		}
	}
	ts.Check(s.PutAgain(ctx, again))
	ts.Check(s.Close())
	db, err := sql.Open("sqlite", path)
	ts.Check(err)
	defer db.Close()
	for id, back := range when {
		_, err := db.Exec("UPDATE runs SET received = ? WHERE run = ?", time.Now().AddDate(0, 0, -back).UnixNano(), id)
		ts.Check(err)
	}
}

func TestPerNight(t *testing.T) {
	for s, want := range map[string]float64{"1/30": 1.0 / 30, "0.05": 0.05, "1": 1} {
		if got, err := perNight(s); err != nil || got != want {
			t.Errorf("%q: %g, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "0", "-1", "1/0", "11", "often", "1/30/2"} {
		if got, err := perNight(s); err == nil {
			t.Errorf("%q is taken as %g", s, got)
		}
	}
}

func TestAgo(t *testing.T) {
	for s, want := range map[string]time.Duration{"7d": 168 * time.Hour, "2w": 336 * time.Hour, "36h": 36 * time.Hour, "0.5d": 12 * time.Hour, "0s": 0} {
		if got, err := ago(s); err != nil || got != want {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "7", "-1d", "d", "1e9d", "-3h"} {
		if got, err := ago(s); err == nil {
			t.Errorf("%q is taken as %v", s, got)
		}
	}
}

func TestMatching(t *testing.T) {
	keys := []string{"device=a/model=m/variant=int8/metric=latency.p50", "device=a/model=m/variant=int8-qdq/metric=latency.p50", "device=a/model=m2/variant=int8/metric=top1"}
	for part, want := range map[string]int{
		"all": 3, "variant=int8": 2, "model=m/variant=int8": 1, keys[1]: 1, "metric=latency": 0, "device=a/": 3, "variant=int8/metric=top1": 1,
	} {
		if got := matching(keys, part); len(got) != want {
			t.Errorf("%q: %s, want %d", part, strings.Join(got, " "), want)
		}
	}
}

// TestRatioIsReadBack makes an estimate by Stein's rule and reads it.
func TestRatioIsReadBack(t *testing.T) {
	logs := []float64{0.10, 0.11, 0.09, 0.10, 0.12, 0.08, 0.10, 0.11, 0.10, 0.10}
	want := watch.Of(logs)
	i := want.Interval(0.95).Exp()
	got, ok := ratio(metric.Estimate{Unit: "ratio", Value: i.Mid, Low: i.Low, High: i.High, N: len(logs)})
	if !ok || math.Abs(got.Mid-want.Mid) > 1e-12 || math.Abs(got.SE-want.SE) > 1e-12 || got.DF != want.DF || got.N != want.N {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for _, e := range []metric.Estimate{{}, {Unit: "pt", Value: 1, Low: 1, High: 1, N: 9}, {Unit: "ratio", Value: 1, Low: 0, High: 2, N: 9}, {Unit: "ratio", Value: 1, Low: 0.9, High: 1.1, N: 1}, {Unit: "ratio", Value: 1, Low: 0.9, High: math.Inf(1), N: 9}} {
		if r, ok := ratio(e); ok {
			t.Errorf("%+v is read as %+v", e, r)
		}
	}
}
