package example

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"assay/bench"
	"assay/bench/engine"
	"assay/bench/host"
	"assay/bench/metric"
)

// A Fleet makes the runs of many devices over many nights: SeriesEach series
// on each device, with 2 % of noise, of which one in a hundred is a tenth
// slower from night Step on. It is what scale is measured with.
type Fleet struct {
	Devices, Nights, Step int
	Samples               bool // with the samples of 5 trials × 4 rounds
}

// SeriesEach is how many series a device has: ten cases of ten metrics.
const SeriesEach = 100

var fleetMetrics = []*metric.Metric{
	metric.P50, metric.P90, metric.P99, metric.Throughput, metric.Load, metric.First, metric.PeakMemory, metric.Steady, metric.Size, metric.Top1,
}

// Result is the run of one device on one night.
func (f Fleet) Result(device, night int) *bench.Result {
	rnd := rand.New(rand.NewPCG(uint64(device), uint64(night)))
	at := time.Date(2026, 6, 1, 1, 0, 0, 0, time.UTC).AddDate(0, 0, night).Add(time.Duration(device) * time.Minute)
	r := &bench.Result{
		Schema: bench.Schema, Run: fmt.Sprintf("%04x%04x%08x", night, device, rnd.Uint32()), Suite: "nightly", Started: at, Ended: at.Add(time.Minute), Version: "v1",
		Device:  host.Device{ID: fmt.Sprintf("device-%04d", device), Name: fmt.Sprintf("board-%d", device), Class: "board", Kernel: "6.12", OS: "linux", Cores: 4},
		Engines: []engine.Info{{Name: "native", Build: "v1"}},
		Labels:  map[string]string{"commit": fmt.Sprintf("c%04d", night)},
	}
	for k := range SeriesEach / len(fleetMetrics) / 2 {
		g := bench.GroupResult{Task: "task", Model: fmt.Sprintf("model-%d", k), Engine: "native", Build: "v1", Provider: "cpu", Threads: 1, Batch: 1, Scenario: "single-stream"}
		for j, variant := range []string{bench.Baseline, "int8-qdq"} {
			c := bench.CaseResult{Case: caseOf(g, row{variant: variant, size: 1000}), Status: bench.OK}
			slow := 1.0
			if (device*10+k*2+j)%100 == 0 && night >= f.Step {
				slow = 1.1
			}
			f.fill(&c, slow, rnd)
			g.Cases = append(g.Cases, c)
		}
		r.Groups = append(r.Groups, g)
	}
	return r
}

// fill gives a case its values.
func (f Fleet) fill(c *bench.CaseResult, slow float64, rnd *rand.Rand) {
	for _, m := range fleetMetrics {
		v := math.Exp(0.02*rnd.NormFloat64()) * math.Pow(slow, float64(-m.Better))
		if m.Exact {
			v = 0.5
		}
		c.Values = append(c.Values, metric.Estimate{Metric: m.Name, Unit: m.Unit, Value: v, Low: 0.99 * v, High: 1.01 * v, N: 5})
		if !f.Samples || m.Exact {
			continue
		}
		for t := range Trials {
			values := make([]float64, Rounds)
			for i := range values {
				values[i] = v * (1 + 0.001*rnd.NormFloat64())
			}
			c.Samples = append(c.Samples, metric.Sample{Metric: m.Name, Unit: m.Unit, Trial: t, Values: values})
		}
	}
}
