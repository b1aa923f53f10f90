package regress

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"assay/bench"
	"assay/bench/stat/watch"
	"assay/reports"
)

var begin = time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)

// fleet makes the log of a fleet: one run per device and night.
type fleet struct {
	devices, nights int
	metrics         []string
	value           func(device, metric, night int) float64 // of variant int8-qdq; 0 for no run of the series
	facts           func(device, night int) map[string]string
	away            func(device, night int) bool
	rnd             *rand.Rand
}

func newFleet(devices, nights int, metrics ...string) *fleet {
	f := &fleet{devices: devices, nights: nights, metrics: metrics, rnd: rand.New(rand.NewPCG(3, 3))}
	f.facts = func(int, int) map[string]string {
		return map[string]string{"assay": "v1", "kernel": "6.1", "governor": "performance", "cores": "4"}
	}
	f.away = func(int, int) bool { return false }
	f.value = func(int, int, int) float64 { return 1e-3 }
	return f
}

func (f *fleet) key(device, m int) string {
	c := bench.Case{Task: "fashion-mnist", Model: "resnet8", Variant: "int8-qdq", Engine: "native", Provider: "cpu", Threads: 1, Batch: 1, Scenario: "single-stream"}
	return reports.SeriesKey(&c, f.metrics[m], fmt.Sprintf("d%02d", device))
}

func run(device, night int) string { return fmt.Sprintf("n%03d-d%02d", night, device) }

func (f *fleet) log() *reports.Log {
	l := &reports.Log{}
	for d := range f.devices {
		for m := range f.metrics {
			l.Series = append(l.Series, reports.LogSeries{Key: f.key(d, m)})
		}
	}
	for n := range f.nights {
		for d := range f.devices {
			if f.away(d, n) {
				continue
			}
			l.Runs = append(l.Runs, reports.LogRun{ID: run(d, n), Device: fmt.Sprintf("d%02d", d), Name: fmt.Sprintf("board-%d", d), Received: begin.AddDate(0, 0, n).Add(time.Duration(d) * time.Minute), Facts: f.facts(d, n)})
			for m := range f.metrics {
				if v := f.value(d, m, n); v != 0 {
					s := &l.Series[d*len(f.metrics)+m]
					s.Points = append(s.Points, reports.LogPoint{Run: int32(len(l.Runs) - 1), Trusted: true, Value: v, N: 5})
				}
			}
		}
	}
	return l
}

// noisy is a value with 1 % of noise.
func (f *fleet) noisy(v float64) float64 { return v * math.Exp(0.01*f.rnd.NormFloat64()) }

func find(l *reports.Log) *Report {
	return Find(l, Options{Plan: watch.Standard, Since: begin})
}
