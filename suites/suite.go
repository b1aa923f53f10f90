package suites

import (
	"reflect"

	"assay/models/strict"
)

// A Suite is one entry of a suite file. What it does not say it takes from the
// suite that it extends, and then from the defaults. Fields are nil where they
// are not written.
type Suite struct {
	Description *string   `yaml:"description" jsonschema_description:"one line for assay suites list"`
	Extends     *Word     `yaml:"extends" jsonschema_description:"another suite: mappings are merged key by key, lists and values are replaced; its own name means the definition in an included file"`
	Task        *Word     `yaml:"task" jsonschema_description:"a data card of the zoo; by default each model's own task"`
	Models      []Model   `yaml:"models" jsonschema:"minItems=1" jsonschema_description:"models of the zoo, or files"`
	Variants    []Variant `yaml:"variants" jsonschema_description:"variants of the models of the zoo, by default all; baseline is implied"`
	Engines     []Engine  `yaml:"engines" jsonschema:"minItems=1" jsonschema_description:"engines, by default onnxruntime and native"`
	Providers   []Word    `yaml:"providers" jsonschema:"minItems=1" jsonschema_description:"execution providers, by default cpu; one that a device lacks is a skip"`
	Devices     []Label   `yaml:"devices" jsonschema_description:"labels such as arch=amd64, any of which a device must carry; by default any device"`
	Run         Run       `yaml:"run" jsonschema_description:"how much is measured"`
	Energy      *Energy   `yaml:"energy" jsonschema_description:"measure energy too: true, or how; false where a suite that is extended asks for it"`
	Gates       []Gate    `yaml:"gates" jsonschema_description:"limits that assay gate decides by"`

	Name string     `yaml:"-" jsonschema:"-"`
	At   strict.Pos `yaml:"-" jsonschema:"-"` // where the suite's name stands

	before *Suite // the definition of the same name that this one overrides
}

// Run says how much is measured. Fields are nil where they are not written.
type Run struct {
	Trials    *int       `yaml:"trials" jsonschema:"minimum=1,maximum=1000" jsonschema_description:"fresh worker processes per case, at least; default 5"`
	MaxTrials *int       `yaml:"max_trials" jsonschema:"minimum=1,maximum=1000" jsonschema_description:"trials that the wanted precision may ask for, at most; default 20, or trials if that is more"`
	Rounds    *int       `yaml:"rounds" jsonschema:"minimum=1,maximum=1000" jsonschema_description:"visits to every worker in a trial; default 4"`
	Precision *Precision `yaml:"precision" jsonschema_description:"wanted half-width of the interval of a ratio, for all engines or by engine; default 1%, native 3%"`
	Budget    *Duration  `yaml:"budget" jsonschema_description:"time for the whole run; default none"`
	Block     *Duration  `yaml:"block" jsonschema_description:"least duration of a block of inferences; default 50ms"`
	Cold      *int       `yaml:"cold" jsonschema:"minimum=0,maximum=1000" jsonschema_description:"processes per case that measure start, load and first inference; default 10"`
	Samples   *Samples   `yaml:"samples" jsonschema_description:"test samples for accuracy, stratified by class; default all"`
	Threads   []int      `yaml:"threads" jsonschema:"minItems=1,minimum=1,maximum=1024" jsonschema_description:"threads of an inference; default [1]"`
	Batch     []int      `yaml:"batch" jsonschema:"minItems=1,minimum=1,maximum=65536" jsonschema_description:"samples of an inference; default [1]"`
	Scenario  *Scenarios `yaml:"scenario" jsonschema_description:"how load is put on a model, one or more: single-stream (default), multi-stream, offline, server"`

	At strict.Pos `yaml:"-" jsonschema:"-"`
}

// over returns s with what it leaves out taken from base.
func (s Suite) over(base Suite) Suite {
	fill(reflect.ValueOf(&s).Elem(), reflect.ValueOf(base))
	fill(reflect.ValueOf(&s.Run).Elem(), reflect.ValueOf(base.Run))
	if s.Energy != nil && base.Energy != nil && s.Energy != base.Energy && !s.Energy.off {
		merged := *s.Energy
		fill(reflect.ValueOf(&merged).Elem(), reflect.ValueOf(*base.Energy))
		s.Energy = &merged
	}
	return s
}

// fill sets the nil pointers and slices of v from base.
func fill(v, base reflect.Value) {
	for i := range v.NumField() {
		f := v.Field(i)
		if k := f.Kind(); (k == reflect.Pointer || k == reflect.Slice) && f.CanSet() && f.IsNil() {
			f.Set(base.Field(i))
		}
	}
}
