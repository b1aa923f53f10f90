// Package loadgen is MLPerf LoadGen's way of putting load on a model, in pure
// Go: the four scenarios with their rules, Poisson arrivals, the early-stopping
// rule, and the search for the highest rate that holds a latency bound. It
// measures nothing itself and reads no clock: numbers in, numbers out. Times
// are ns, rates are queries per second.
//
// Sources: mlcommons/inference, loadgen (test_settings.h, early_stopping.cc,
// results.cc, mlperf.conf); Reddi et al., "MLPerf Inference Benchmark", ISCA 2020.
package loadgen

import (
	"fmt"
	"math"
	"strings"
	"time"

	"gonum.org/v1/gonum/stat/distuv"

	"assay/bench/stat"
)

// The scenarios, as suites and results call them.
const (
	SingleStream = "single-stream" // the next query begins when the last has ended
	MultiStream  = "multi-stream"  // the same, with queries of several samples
	Offline      = "offline"       // all samples are there at once: throughput
	Server       = "server"        // queries arrive by chance, and each has a deadline
)

// Names returns the scenarios in the order of LoadGen's documents.
func Names() []string { return []string{SingleStream, MultiStream, Offline, Server} }

// A Rule is what LoadGen wants of one run of a scenario: both the duration and
// the number of queries are least ones.
type Rule struct {
	Percentile float64       // of the latency that is the result, 0 in the offline scenario
	Duration   time.Duration // mlperf.conf, min_duration
	Queries    int           // mlperf.conf, min_query_count, or what early stopping wants; samples in the offline scenario
	Samples    int           // in a query
	Latency    time.Duration // bound of the server scenario: mlperf.conf, target_latency of models without their own
}

// ScheduleSeed is the seed that mlperf.conf publishes for arrivals
// (schedule_rng_seed). The generator behind it is Go's and not LoadGen's, so
// the gaps have the same law and not the same values.
const ScheduleSeed uint64 = 16159082839903944936

// RuleOf returns the rule of a scenario; ok is false for one that is unknown.
func RuleOf(scenario string) (r Rule, ok bool) {
	const long = 600 * time.Second
	switch scenario {
	case SingleStream:
		return Rule{Percentile: 0.90, Duration: long, Queries: stat.EarlyStopQueries(0.90, 1), Samples: 1}, true
	case MultiStream:
		return Rule{Percentile: 0.99, Duration: long, Queries: stat.EarlyStopQueries(0.99, 1), Samples: 8}, true
	case Offline:
		return Rule{Duration: long, Queries: Independent(0.90), Samples: 1}, true
	case Server:
		return Rule{Percentile: 0.99, Duration: long, Queries: stat.EarlyStopQueries(0.99, 1), Samples: 1, Latency: 10 * time.Millisecond}, true
	}
	return Rule{}, false
}

// Independent returns how many independent queries hold the p-th percentile to
// a twentieth of its tail, ±(1−p)/20, with 99 % confidence by the normal law,
// rounded up to a multiple of 2¹³: 24,576 for p90, 57,344 for p95, 270,336 for
// p99 (inference_rules.adoc, "Number of Queries"; ISCA 2020, table 4). LoadGen
// wanted as many in the server scenario before it had early stopping, and
// still wants the first of the offline scenario, in samples.
func Independent(p float64) int {
	const round = 1 << 13
	margin := (1 - p) / 20
	z := distuv.UnitNormal.Quantile(1 - (1-0.99)/2)
	n := math.Ceil(z * z * p * (1 - p) / (margin * margin))
	return int(math.Ceil(n/round)) * round
}

// Shorter says what a measurement of so many queries (samples in the offline
// scenario) and such a duration lacks to LoadGen's rule, "" where it lacks
// nothing: "shorter than LoadGen's rule (600 s, 662 queries)".
func Shorter(scenario string, d time.Duration, queries int) string {
	r, ok := RuleOf(scenario)
	if !ok || d >= r.Duration && queries >= r.Queries {
		return ""
	}
	unit := "queries"
	if scenario == Offline {
		unit = "samples"
	}
	return fmt.Sprintf("shorter than LoadGen's rule (%.0f s, %s %s)", r.Duration.Seconds(), thousands(r.Queries), unit)
}

// thousands writes 24576 as 24,576.
func thousands(n int) string {
	s := fmt.Sprint(n)
	var parts []string
	for len(s) > 3 {
		parts = append([]string{s[len(s)-3:]}, parts...)
		s = s[:len(s)-3]
	}
	return strings.Join(append([]string{s}, parts...), ",")
}
