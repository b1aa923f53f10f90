package reports

import (
	"time"

	"assay/bench/stat/watch"
)

// A Log is what a store remembers of all series, as compact as it can be:
// what changed is looked for over ten thousand of them.
type Log struct {
	Runs   []LogRun // by the time they were received
	Series []LogSeries
	Acks   []Ack
	Again  []Remeasured
}

// A LogRun is a run with the facts under which it was measured.
type LogRun struct {
	ID       string
	Suite    string
	Device   string // id
	Name     string // of the device
	Received time.Time
	Facts    map[string]string
}

// A LogSeries is one series: its values by run.
type LogSeries struct {
	Key    string
	Points []LogPoint
}

// A LogPoint is the value of one run.
type LogPoint struct {
	Run     int32 // position in Log.Runs
	N       int32 // units of evidence
	Trusted bool
	Value   float64
}

// An Ack accepts a change: the level of a series begins with a run.
type Ack struct {
	Series string    `json:"series"`
	Run    string    `json:"run"`
	Why    string    `json:"why"`
	At     time.Time `json:"at"`
}

// A Remeasured is a second measurement: the build of a run against the last
// accepted one, interleaved.
type Remeasured struct {
	Series   string
	Run      string // whose build was measured
	Accepted string // against that of this run
	By       string // the run that measured it
	Control  bool   // nobody suspected the series
	Ratio    watch.Ratio
	At       time.Time
}
