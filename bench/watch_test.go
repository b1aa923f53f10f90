package bench

import (
	"context"
	"io/fs"
	"testing"
	"testing/fstest"
	"time"

	"assay/bench/host"
)

// timed is a probe that knows when a block runs: it is read right before and
// right after each.
type timed struct{ inside bool }

func (p *timed) Read() (steal, mhz float64) { p.inside = !p.inside; return 0, 0 }
func (*timed) Close() error                 { return nil }

// looked is a tree that tells who opens its files.
type looked struct {
	fs.FS
	open func()
}

func (l looked) Open(name string) (fs.File, error) { l.open(); return l.FS.Open(name) }

// TestWatch: the device is looked at while the rounds run, and never within a
// timed region.
func TestWatch(t *testing.T) {
	probe, begun, reads := &timed{}, false, 0
	tree := looked{fstest.MapFS{
		"sys/class/thermal/thermal_zone0/type": {Data: []byte("cpu\n")}, "sys/class/thermal/thermal_zone0/temp": {Data: []byte("61000\n")},
	}, func() {
		if probe.inside {
			t.Error("the device was looked at while a block ran")
		}
		if begun {
			reads++
		}
	}}
	set := testSetup(t)
	set.Plan.Block, set.Plan.Rounds, set.Plan.Cold = 30*time.Millisecond, 6, 0 // 5 trials × 6 rounds × 2 workers: 1.8 s
	set.Probe = func([]int) Prober { return probe }
	set.Watch = func(cpus []int) *host.Watch {
		w := host.NewWatch(host.Recorded(tree), cpus)
		begun = true
		return w
	}
	r := mustRun(t, context.Background(), set, testGroup(t, nil, script{Spin: spin}))
	if d := r.Groups[0].During; d.Looks == 0 || reads == 0 || d.Celsius != 61 || d.Hottest != "cpu" {
		t.Errorf("looked %d times, %d files: %+v", d.Looks, reads, d)
	}
}
