package suites

import (
	"errors"
	"slices"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/invopop/jsonschema"

	"assay/bench"
	"assay/bench/energy"
	"assay/models/strict"
)

// Energy asks for the energy of inferences. It costs minutes per group, so a
// suite says so. Fields are nil where they are not written.
type Energy struct {
	Meter  *Meter    `yaml:"meter" jsonschema_description:"kind of meter that a device must have, by default the best that it has"`
	Rounds *int      `yaml:"rounds" jsonschema:"minimum=2,maximum=1000" jsonschema_description:"rounds of one window per case, with fresh workers in each; default 5"`
	Idle   *Duration `yaml:"idle" jsonschema_description:"length of an idle window, of which there is one before and after every round; default what the meter needs, at least 30s"`
	Window *Duration `yaml:"window" jsonschema_description:"length of a case's window; default what the meter needs, at least 10s"`
	Settle *Duration `yaml:"settle" jsonschema_description:"longest wait for the power to come to rest; default 30s"`
	Budget *Duration `yaml:"budget" jsonschema_description:"time for the energy of all groups: a longer schedule is refused before anything is measured; default none"`

	At strict.Pos `yaml:"-" jsonschema:"-"`

	off bool // energy: false, against a suite that is extended
}

// A Meter is the name of a kind of meter.
type Meter string

// UnmarshalNode reads the name of a kind of meter, as energy.Kinds lists them.
func (m *Meter) UnmarshalNode(n strict.Node) error {
	t, ok := n.Text()
	if !ok || !slices.Contains(energy.Kinds(), t) {
		return strict.Unknown(n.Pos(), "meter", t, energy.Kinds())
	}
	*m = Meter(t)
	return nil
}

// UnmarshalNode reads `energy: true` or a mapping, and holds its numbers to
// the bounds that the schema states.
func (e *Energy) UnmarshalNode(n strict.Node) error {
	e.At = n.Pos()
	if !n.IsMapping() {
		on, err := n.Bool()
		if err != nil {
			return n.Wrong("true, false or a mapping such as {rounds: 5, budget: 30m}")
		}
		e.off = !on
		return nil
	}
	type plain Energy
	var errs strict.Errors
	if err := n.Decode((*plain)(e)); err != nil && !errors.As(err, &errs) {
		return err
	}
	errs = append(errs, inBounds(n, e)...)
	return errs.Err()
}

// plan returns e with the defaults for what it leaves out; nil where a suite
// does not ask for energy.
func (e *Energy) plan() *bench.EnergyPlan {
	if e == nil || e.off {
		return nil
	}
	return &bench.EnergyPlan{
		Meter: string(or(e.Meter, "")), Rounds: or(e.Rounds, bench.DefaultEnergy.Rounds),
		Idle: time.Duration(or(e.Idle, 0)), Window: time.Duration(or(e.Window, 0)),
		Settle: time.Duration(or(e.Settle, Duration(bench.DefaultEnergy.Settle))), Budget: time.Duration(or(e.Budget, 0)),
	}
}

// showEnergy writes an energy plan with its defaults; what the meter decides
// is left out.
func showEnergy(p *bench.EnergyPlan) yaml.MapSlice {
	var v yaml.MapSlice
	put := func(set bool, key string, x any) {
		if set {
			v = append(v, yaml.MapItem{Key: key, Value: x})
		}
	}
	put(p.Meter != "", "meter", p.Meter)
	put(true, "rounds", p.Rounds)
	put(p.Idle > 0, "idle", shortDuration(p.Idle))
	put(p.Window > 0, "window", shortDuration(p.Window))
	put(true, "settle", shortDuration(p.Settle))
	put(p.Budget > 0, "budget", shortDuration(p.Budget))
	return v
}

// JSONSchema lists the kinds of meters.
func (Meter) JSONSchema() *jsonschema.Schema {
	s := &jsonschema.Schema{Type: "string"}
	for _, k := range energy.Kinds() {
		s.Enum = append(s.Enum, k)
	}
	return s
}

// JSONSchemaExtend lets true and false stand for the mapping.
func (Energy) JSONSchemaExtend(s *jsonschema.Schema) {
	orText(s, &jsonschema.Schema{Type: "boolean"})
}
