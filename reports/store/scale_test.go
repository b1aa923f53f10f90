package store

import (
	"context"
	"runtime"
	"testing"
	"time"

	"assay/bench"
	"assay/bench/stat/watch"
	"assay/reports"
	"assay/reports/internal/example"
	"assay/reports/regress"
)

// BenchmarkPut keeps the runs of a fleet, a hundred summaries each, one
// transaction and one flush of the disk per run as on a device, and many runs
// in one as on a hub that takes in what has gathered. The store knows the
// fleet's 10,000 series: it holds a night already.
func BenchmarkPut(b *testing.B) {
	for _, c := range []struct {
		name    string
		samples bool
		batch   int
	}{{"samples=no/batch=1", false, 1}, {"samples=no/batch=100", false, 100}, {"samples=yes/batch=1", true, 1}, {"samples=yes/batch=100", true, 100}} {
		b.Run(c.name, func(b *testing.B) {
			s := benchStore(b)
			f := example.Fleet{Devices: 100, Nights: 90, Step: 60, Samples: c.samples}
			s.fillFleet(b, example.Fleet{Devices: f.Devices, Nights: 1, Step: 60})
			first := f.Devices
			n := first
			for b.Loop() {
				b.StopTimer()
				var rs []*bench.Result
				for range c.batch {
					rs = append(rs, f.Result(n%f.Devices, n/f.Devices))
					n++
				}
				b.StartTimer()
				if err := s.PutAll(context.Background(), rs); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64((n-first)*example.SeriesEach)/b.Elapsed().Seconds(), "summaries/s")
		})
	}
}

func benchStore(b *testing.B) *SQLite {
	s, err := Open(b.TempDir() + "/assay.db")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	return s
}

// fillFleet keeps a fleet's nights, each received on its night.
func (s *SQLite) fillFleet(tb testing.TB, f example.Fleet) {
	for n := range f.Nights {
		var rs []*bench.Result
		for d := range f.Devices {
			rs = append(rs, f.Result(d, n))
		}
		s.now = func() time.Time { return rs[0].Started }
		if err := s.PutAll(context.Background(), rs); err != nil {
			tb.Fatal(err)
		}
	}
}

// BenchmarkRegressions is what assay regressions does over 10,000 series of 90
// nights: it reads them all and says what has changed. One series in a hundred
// has. The memory is the most that the whole process held, filling included.
func BenchmarkRegressions(b *testing.B) {
	s := benchStore(b)
	f := example.Fleet{Devices: 100, Nights: 90, Step: 60}
	s.fillFleet(b, f)
	for b.Loop() {
		l, err := s.Log(context.Background(), reports.Filter{})
		if err != nil {
			b.Fatal(err)
		}
		r := regress.Find(l, regress.Options{Plan: watch.Standard})
		if r.Series+r.Exact != f.Devices*example.SeriesEach || len(r.Changes) < 60 {
			b.Fatalf("%d series, %d changes", r.Series+r.Exact, len(r.Changes))
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.Sys)/1e6, "MB")
}

// TestPutAll keeps many runs or, where one cannot be kept, none.
func TestPutAll(t *testing.T) {
	s, f := open(t), example.Fleet{Devices: 3, Nights: 1, Samples: true}
	var rs []*bench.Result
	for d := range f.Devices {
		rs = append(rs, f.Result(d, 0))
	}
	bad := f.Result(0, 1)
	bad.Run = ""
	if err := s.PutAll(context.Background(), append(rs[:3:3], bad)); err == nil || count(t, s, "runs") != 0 {
		t.Errorf("a run without an id: %v, %d runs are kept", err, count(t, s, "runs"))
	}
	for range 2 {
		if err := s.PutAll(context.Background(), rs); err != nil {
			t.Fatal(err)
		}
	}
	if got := count(t, s, "summaries"); got != 3*example.SeriesEach {
		t.Errorf("%d summaries, want %d", got, 3*example.SeriesEach)
	}
	got, err := s.Get(context.Background(), rs[1].Run)
	if err != nil || text(t, got) != text(t, rs[1]) {
		t.Errorf("a run of many is not printed as it was: %v", err)
	}
}
