package suites

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"assay/bench"
)

func TestScenarios(t *testing.T) {
	f, err := Load("testdata/good/scenarios.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		suite  string
		groups []string // scenario, batch: gates
		plans  map[string]bench.ScenarioPlan
	}{
		{
			"all",
			[]string{
				"single-stream 1: latency.p50 throughput top1", "single-stream 8: latency.p50 throughput top1",
				"multi-stream 1: throughput top1", "offline 1: throughput top1", "server 1: rate.max top1",
			},
			map[string]bench.ScenarioPlan{
				"multi-stream": {Samples: 8, Queries: 662},
				"offline":      {MaxBatch: 16, Duration: 2 * time.Second},
				"server":       {Latency: 20 * time.Millisecond, Percentile: 0.9, Duration: 2 * time.Second},
			},
		},
		{"one", []string{"server 1:"}, map[string]bench.ScenarioPlan{"server": {Latency: 10 * time.Millisecond, Percentile: 0.99, Duration: 2 * time.Second}}},
		{
			"two",
			[]string{"multi-stream 1:", "offline 1:"},
			map[string]bench.ScenarioPlan{
				"multi-stream": {Samples: 4, Queries: 1000, Duration: 5 * time.Second},
				"offline":      {MaxBatch: 64, Duration: time.Minute},
			},
		},
	} {
		x, err := f.Expand(c.suite, testEnv())
		if err != nil {
			t.Fatal(err)
		}
		var groups []string
		for _, g := range x.Groups {
			text := fmt.Sprintf("%s %d:", g.Cases[0].Scenario, g.Cases[0].Batch)
			for _, gate := range g.Gates {
				text += " " + gate.Metric
			}
			groups = append(groups, text)
		}
		if !slices.Equal(groups, c.groups) || !reflect.DeepEqual(x.Plan.Scenarios, c.plans) {
			t.Errorf("%s: groups %q, plans %+v", c.suite, groups, x.Plan.Scenarios)
		}
		// What a suite shows of itself is the same suite.
		b, err := f.Show(c.suite)
		if err != nil {
			t.Fatal(err)
		}
		again, err := LoadFS(mapFS("a.yaml", string(b)), "a.yaml")
		if err != nil {
			t.Fatalf("%s does not read what it shows: %v\n%s", c.suite, err, b)
		}
		if y, err := again.Expand(c.suite, testEnv()); err != nil || !reflect.DeepEqual(y.Plan.Scenarios, x.Plan.Scenarios) || len(y.Groups) != len(x.Groups) {
			t.Errorf("%s shows another suite: %v\n%s", c.suite, err, b)
		}
		if warned := strings.Contains(strings.Join(x.Warnings, "; "), "batch is for single-stream"); warned != (c.suite != "all") {
			t.Errorf("%s: warnings %q", c.suite, x.Warnings)
		}
	}
}

func TestPairScenarios(t *testing.T) {
	const model = "testdata/good/models/base.onnx"
	x, err := Pair(model, []string{model}, PairOptions{Engines: []string{"native"}, Scenarios: []string{"offline", "single-stream"}, Batch: []int{1, 2}, Gates: []string{"batch <= 8", "size <= 1x"}})
	if err != nil || len(x.Groups) != 3 || x.Groups[0].Cases[0].Scenario != "offline" || len(x.Groups[0].Gates) != 2 || len(x.Groups[1].Gates) != 1 {
		t.Errorf("%+v, %v", x, err)
	}
	for _, c := range []struct {
		opt  PairOptions
		want string
	}{
		{PairOptions{Scenarios: []string{"servr"}}, `unknown scenario "servr" (did you mean "server"?`},
		{PairOptions{Gates: []string{"rate.max >= 1x"}}, `gate "rate.max >= 1x": rate.max comes from scenario server, which is not run`},
	} {
		if _, err := Pair(model, []string{model}, c.opt); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %s", c.opt, err, c.want)
		}
	}
}
