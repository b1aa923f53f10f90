// Package bench is the measuring loop: it plans groups of cases, runs their
// workers interleaved, and returns results with intervals and verdicts. The
// method is that of docs/design.md, "Measuring".
package bench

import (
	"time"

	"assay/bench/verdict"
	"assay/models"
)

// A Case is one artifact on one engine, provider, threads, batch and scenario.
type Case struct {
	Suite    string          `json:"suite,omitempty"`
	Task     string          `json:"task,omitempty"` // "" where there are no labels
	Model    string          `json:"model"`
	Variant  string          `json:"variant"` // "baseline" or a candidate
	Engine   string          `json:"engine"`
	Build    string          `json:"build,omitempty"` // wanted build of the engine, "" for any; the result holds what ran
	Provider string          `json:"provider"`
	Threads  int             `json:"threads"`
	Batch    int             `json:"batch"`
	Scenario string          `json:"scenario"` // one of loadgen.Names
	Artifact models.Artifact `json:"artifact"`

	Err string `json:"error,omitempty"` // why the case cannot run (a bad file): it becomes an error, the others run
}

// Baseline is the variant that all others of a group are compared with.
const Baseline = "baseline"

// A Group is a baseline and its candidates: equal in everything but the variant.
type Group struct {
	Cases []Case // the baseline first
	Gates []Gate
}

// A Gate is a parsed gate with its flags; verdict.Parse reads Text.
type Gate struct {
	verdict.Gate
	Optional bool     `json:"optional,omitempty"` // a skip of it decides nothing
	Variants []string `json:"variants,omitempty"` // the candidates that it judges; all where empty
}

// Plan is how much a run measures.
type Plan struct {
	Trials      int                     `json:"trials" yaml:"trials"`                       // least number of trials, the pilot of Stein's rule
	MaxTrials   int                     `json:"max_trials" yaml:"max_trials"`               // most trials that Stein's rule may ask for
	Rounds      int                     `json:"rounds" yaml:"rounds"`                       // rounds per trial
	Precision   float64                 `json:"precision" yaml:"precision"`                 // wanted half-width of the ratio, for example 0.01
	PrecisionBy map[string]float64      `json:"precision_by,omitempty" yaml:"precision_by"` // wanted half-width by engine, where it differs
	Budget      time.Duration           `json:"budget" yaml:"budget"`                       // time for all groups together; 0 is none
	Block       time.Duration           `json:"block" yaml:"block"`                         // least duration of a block
	Cold        int                     `json:"cold" yaml:"cold"`                           // processes per case for start, load and first inference
	Samples     int                     `json:"samples" yaml:"samples"`                     // of the task's test set, stratified; 0 is all
	Scenarios   map[string]ScenarioPlan `json:"scenarios,omitempty" yaml:"-"`               // load by scenario; DefaultScenario for those that are not in it
	Soak        *SoakPlan               `json:"soak,omitempty" yaml:"-"`                    // nil: no soak
	Energy      *EnergyPlan             `json:"energy,omitempty" yaml:"-"`                  // nil: energy is not measured
}

// EnergyPlan asks for energy. It costs minutes per group, so it is opt-in.
// What is 0 is chosen by what the meter needs (energy.Schedule).
type EnergyPlan struct {
	Meter  string        `json:"meter,omitempty"` // kind of meter; "" is the preferred one of the device
	Rounds int           `json:"rounds"`          // fresh workers in each, at least 2
	Idle   time.Duration `json:"idle,omitempty"`  // an idle window, between any two rounds
	Window time.Duration `json:"window,omitempty"`
	Settle time.Duration `json:"settle,omitempty"` // longest wait for the power to come to rest before an idle window
	Budget time.Duration `json:"budget,omitempty"` // for the energy of all groups; a longer schedule is refused
}
