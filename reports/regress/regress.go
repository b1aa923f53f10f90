// Package regress says which of a store's series have changed, when, by how
// much and why: it plays the nights of a log through bench/stat/watch and
// explains what that tells. docs/regressions.md describes the procedure.
package regress

import (
	"time"

	"assay/bench/stat"
	"assay/bench/stat/watch"
	"assay/reports"
)

// Options say what is looked for.
type Options struct {
	Plan  watch.Plan
	Since time.Time // changes that were told on nights before it are counted only
	Now   time.Time // runs received more than a day later are passed over: a clock was wrong; zero takes all
}

// A Report is what is to be said of all series after the newest night.
type Report struct {
	Budget    float64   `json:"budget"` // expected false alarms per night, all series together
	Nights    int       `json:"nights"`
	From      time.Time `json:"from"`
	To        time.Time `json:"to"`
	Since     time.Time `json:"since"`
	Series    int       `json:"series"` // that are watched for changes beyond noise
	Exact     int       `json:"exact"`  // series without noise, such as a file's size
	Short     int       `json:"short"`  // series with too few nights to know their noise
	Changes   []Change  `json:"changes"`
	Suspects  []Change  `json:"suspects"`
	Better    []Change  `json:"better"`
	Cleared   []Change  `json:"cleared"` // suspects of the last night that are not in the build
	Remarks   []Change  `json:"remarks"` // changes of variance: no alarm
	Older     int       `json:"older"`   // told before Since, and neither over nor acknowledged
	Silent    []Silent  `json:"silent"`
	Alike     []Alike   `json:"moved_alike"`
	Fresh     []Fresh   `json:"new_conditions"`
	Passed    Passed    `json:"passed_over"`
	Count     Count     `json:"counts"`
	Persists  []Share   `json:"persists"` // where it is known
	Requests  []Request `json:"-"`        // what would be measured again tonight
	Nightless bool      `json:"-"`        // the log holds no run
}

// A Change is one series that has changed, or may have.
type Change struct {
	Series   string     `json:"series"`
	Device   string     `json:"device"`
	Model    string     `json:"model"`
	Variant  string     `json:"variant"`
	Engine   string     `json:"engine"`
	Case     string     `json:"case"` // provider, threads, batch and scenario, where they are not the usual ones
	Metric   string     `json:"metric"`
	Word     watch.Word `json:"word"`
	Kind     stat.Kind  `json:"kind"`
	Run      string     `json:"run"`   // on which it was told
	Told     time.Time  `json:"told"`  // when that was received
	Begin    string     `json:"begin"` // the first run of what is new
	Since    time.Time  `json:"since"`
	Early    time.Time  `json:"early"` // bounds of Since, 95 %
	Late     time.Time  `json:"late"`
	Size     Ratio      `json:"size"`            // new ÷ old: of the level, or of the deviation where the kind is variance
	Again    *Ratio     `json:"again,omitempty"` // tonight's build ÷ the accepted one, measured interleaved
	Accepted string     `json:"accepted,omitempty"`
	P        float64    `json:"p"` // Mann–Whitney, before against after
	Causes   []string   `json:"causes"`
	Trials   int        `json:"trials_needed,omitempty"`
}

// A Ratio is a quotient with its 95 % interval.
type Ratio struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

func ratioOf(logs stat.Interval) Ratio {
	r := logs.Exp()
	return Ratio{r.Mid, r.Low, r.High}
}

// Silent is a device that should have reported and did not.
type Silent struct {
	Device string    `json:"device"`
	Name   string    `json:"name"`
	Last   time.Time `json:"last"`
	Nights int       `json:"nights"` // on which others reported since
}

// Alike is a device on which most series are worse tonight.
type Alike struct {
	Device string `json:"device"`
	Worse  int    `json:"worse"`
	Of     int    `json:"of"`
}

// Fresh is a device whose condition changed: its series begin a new level.
type Fresh struct {
	Device string    `json:"device"`
	Run    string    `json:"run"`
	At     time.Time `json:"at"`
	What   []string  `json:"what"`
}

// Passed counts values that say nothing of a series.
type Passed struct {
	Untrusted int `json:"untrusted"`
	Unusable  int `json:"unusable"` // zero, negative or not a number
	Repeated  int `json:"repeated"` // further runs of a night, which count as one with the first
	Unknown   int `json:"unknown"`  // of metrics that this program does not know, or that are neither good nor bad
	Future    int `json:"future"`   // of runs received after now
}

// Count is what the second measurements of all nights say of the budget.
type Count struct {
	Again    int `json:"suspects_measured_again"`
	Controls int `json:"controls"`
	Alarms   int `json:"controls_confirmed"`
	Allowed  int `json:"allowed_per_night"`
}

// Share is how much of a night's deviation a second measurement shows again,
// with bounds of 99 %, by family of metrics.
type Share struct {
	Family string  `json:"family"`
	Value  float64 `json:"value"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

// A Request asks for a second measurement of tonight's build of a series
// against the last accepted one.
type Request struct {
	Series   string
	Run      string
	Accepted string
	Control  bool
}

// Find says what has changed.
func Find(l *reports.Log, o Options) *Report {
	r := &Report{Budget: o.Plan.Budget, Since: o.Since, Changes: []Change{}, Suspects: []Change{}, Better: []Change{}, Cleared: []Change{}, Remarks: []Change{}, Silent: []Silent{}, Alike: []Alike{}, Fresh: []Fresh{}, Persists: []Share{}}
	p := newPlay(l, o, r)
	if p.nights == 0 {
		r.Nightless = true
		return r
	}
	for n := range p.nights {
		p.night(n)
	}
	p.finish()
	return r
}
