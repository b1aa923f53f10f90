package main

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"assay/bench"
	"assay/bench/energy"
	"assay/bench/host"
	"assay/bench/runner"

	"github.com/spf13/cobra"
)

// energyFlags choose whether and by what energy is measured.
type energyFlags struct {
	on    bool
	meter string
}

func (f *energyFlags) add(c *cobra.Command) {
	fl := c.Flags()
	fl.BoolVar(&f.on, "energy", false, "measure energy too, in minutes per group of cases (a suite asks for it with energy: true)")
	fl.StringVar(&f.meter, "meter", "", "energy meter: "+strings.Join(energy.Kinds(), ", ")+"; outside of the device as in shelly=http://HOST or command=./watts.sh (default $ASSAY_METER, else the suite's, else the best that the device has)")
}

// set turns the flags into a plan and a way to open the meter; say gets what
// the user should know before it is waited for.
func (f *energyFlags) set(s *bench.Setup) error {
	if f.on && s.Plan.Energy == nil {
		p := bench.DefaultEnergy
		s.Plan.Energy = &p
	}
	switch {
	case s.Plan.Energy == nil && f.meter != "":
		return usage("--meter names a meter, but nothing asks for energy: add --energy, or energy: true to the suite")
	case s.Plan.Energy == nil:
		return nil
	}
	env, own, err := meterEnv(f.meter)
	if err != nil {
		return err
	}
	s.Meter = func(ctx context.Context, name string) (energy.Meter, error) {
		return energy.Open(ctx, env, cmp.Or(own, name))
	}
	return nil
}

// meterEnv is what probes look at on this device, and the kind of meter that
// flag asks for, or $ASSAY_METER where it is "": none, "rapl" a kind,
// "shelly=http://…" one outside of the device.
func meterEnv(flag string) (env energy.Env, kind string, err error) {
	env = energy.Env{System: host.Here(), HTTP: &http.Client{Timeout: 5 * time.Second}, Now: runner.Monotonic}
	text, from := flag, "--meter"
	if flag == "" {
		text, from = os.Getenv("ASSAY_METER"), "$ASSAY_METER"
	}
	kind, _, outside := strings.Cut(text, "=")
	if outside {
		x, err := energy.ParseExternal(text)
		if err != nil {
			return env, "", usage("%s: %v", from, err)
		}
		env.External = []energy.External{x}
	}
	return env, kind, nil
}

// meterItems are the lines of doctor on energy: what was found, what is there
// and cannot be used, and how to mend it.
func meterItems(ctx context.Context) ([]host.Item, error) {
	env, _, err := meterEnv("")
	if err != nil {
		return nil, err
	}
	var out []host.Item
	used := false
	for _, f := range energy.Find(ctx, env) {
		for _, m := range f.Meters {
			i := host.Item{Name: "energy", State: host.Good, Detail: m.String()}
			if m.Estimated != "" {
				i.State, i.Detail = host.Warn, i.Detail+", estimated: "+m.Estimated
			}
			if used {
				i.Detail += " (not used unless named: --meter " + m.Name + ")"
			}
			used = true
			out = append(out, i)
			m.Close() // it was only looked at
		}
		if f.Err != nil {
			out = append(out, host.Item{Name: "energy", State: host.Warn, Detail: fmt.Sprintf("%s cannot be used: %v", f.Kind, f.Err), Remedy: energy.RemedyOf(f.Err)})
		}
	}
	if len(out) == 0 {
		out = append(out, host.Item{
			Name: "energy", State: host.Unknown, Detail: "no meter here: energy is not measured",
			Remedy: "attach one: assay run --meter shelly=http://HOST, or command=./watts.sh (docs/devices.md)",
		})
	}
	return out, nil
}
