package energy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

func init() { Register("jetson", RankModule, probeJetson) }

// probeJetson finds the INA3221 chips on Jetson modules, in the three ways
// that JetPack has shown them: 4 through NVIDIA's driver ina3221x (iio, mW), 5
// and later through Linux's ina3221 (hwmon, mV and mA; it tells no power), and
// on Thor's carrier board an INA238 beside it (hwmon, µW).
func probeJetson(_ context.Context, env Env) ([]Meter, error) {
	t := tree{env.System.FS}
	if !t.isJetson() {
		return nil, nil
	}
	all := slices.Concat(iioRails(t), hwmonRails(t), inputRails(t))
	if len(all) == 0 {
		return nil, nil // the Nano 2GB has no INA3221
	}
	s, ok := railTotal(all)
	if !ok {
		return nil, unknownSum(all)
	}
	m := Meter{Name: "jetson", Scope: s.scope, Notes: []string{s.why}}
	for _, r := range all {
		if !slices.Contains(s.rails, r.label) {
			m.Parts = append(m.Parts, Domain{Name: r.label, Kind: Power})
			continue
		}
		g := r.sensor(t, env.Now)
		if _, err := g.Read(context.Background()); err != nil {
			return nil, err
		}
		m.Total = append(m.Total, g)
		m.Interval = max(m.Interval, r.every)
	}
	m.Notes = append(m.Notes, pace(t, all, s, m.Interval))
	return []Meter{m}, nil
}

// A rail is one channel of a chip.
type rail struct {
	label string
	files []string // whose numbers are multiplied
	unit  float64  // and by this: W
	least float64  // W, what an unloaded channel may show
	off   string   // the flag that switches it off, "" where it is on
	every time.Duration
	chip  string // directory
}

func (r rail) sensor(t tree, now func() time.Duration) Sensor {
	return &ina3221{gauge{domain: Domain{Name: r.label, Kind: Power}, now: now, value: func(context.Context) (float64, error) {
		v, err := t.product(r.files)
		return v * r.unit, err
	}}, r.least}
}

// iioRails are those of JetPack 4: rail_name_N and in_powerN_input, N from 0.
func iioRails(t tree) (out []rail) {
	for _, dir := range t.glob("sys/bus/i2c/drivers/ina3221x/*/iio:device*") {
		for n := range 3 {
			if l := t.word(fmt.Sprintf("%s/rail_name_%d", dir, n)); connected(l) {
				out = append(out, rail{label: l, chip: dir, unit: 1e-3, files: []string{fmt.Sprintf("%s/in_power%d_input", dir, n)}})
			}
		}
	}
	return out
}

// hwmonRails are those of JetPack 5 and later. Channels are 1 to 3: in4 to in6
// are the voltages over the shunts (µV), in7 and curr4 sums over the channels.
func hwmonRails(t tree) (out []rail) {
	for _, dir := range t.glob("sys/bus/i2c/drivers/ina3221/*/hwmon/hwmon*") {
		every := t.millis(dir + "/update_interval")
		for n := 1; n <= 3; n++ {
			in, curr := fmt.Sprintf("%s/in%d", dir, n), fmt.Sprintf("%s/curr%d_input", dir, n)
			r := rail{label: t.word(in + "_label"), chip: dir, unit: 1e-6, files: []string{in + "_input", curr}, every: every}
			if !connected(r.label) {
				continue
			}
			if t.word(in+"_enable") == "0" {
				r.off = in + "_enable"
			}
			r.least = leastINA3221(t, dir, n)
			out = append(out, r)
		}
	}
	return out
}

// inputRails are those of the INA238 of Thor's carrier board.
func inputRails(t tree) (out []rail) {
	for _, dir := range t.glob("sys/bus/i2c/drivers/ina238/*/hwmon/hwmon*") {
		if !t.has(dir + "/power1_input") {
			continue
		}
		r := rail{label: "VIN", chip: dir, unit: 1e-6, files: []string{dir + "/power1_input"}, every: t.millis(dir + "/update_interval")}
		for _, f := range []string{"/label", "/in1_label"} {
			if l := t.word(dir + f); l != "" {
				r.label = l
			}
		}
		out = append(out, r)
	}
	return out
}

// connected reports whether a channel is wired: NC is "not connected".
func connected(label string) bool { return label != "" && label != "NC" }

// A railSum is what makes up a board's total.
type railSum struct {
	rails []string
	scope Scope
	why   string
}

const (
	inputNote = "the module's input is metered: the module's other rails lie within it, those of the carrier board beside it"
	sumNote   = "no rail is the total: those that are fed side by side are added, and none that one of them feeds"
)

// railSums lists the totals, the widest first. A rail is in one only if no
// other rail of it feeds it. Sources: NVIDIA, Jetson Linux Developer Guide, the
// tables of power monitors; energymon, jetson/JetsonPowerRails.md; Jetson AGX
// Xavier Product Design Guide DG-09840, 5.2 and figure 5-14; for Thor's VIN
// NVIDIA's developer forum, topic 366461.
var railSums = []railSum{
	// AGX Thor.
	{[]string{"VIN"}, Board, "VIN is the input of module and carrier board: all other rails lie within it"},
	// TX1, TX2, Xavier NX, Orin NX, Orin Nano.
	{[]string{"VDD_IN"}, Module, inputNote},
	// Nano.
	{[]string{"POM_5V_IN"}, Module, inputNote},
	// AGX Orin. VIN_SYS_5V0 feeds VDDQ_VDD2_1V8AO.
	{[]string{"VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"}, Module, sumNote},
	// AGX Xavier. The high input feeds the first five, the 5 V input SYS5V.
	{[]string{"GPU", "CPU", "SOC", "CV", "VDDRQ", "SYS5V"}, Module, sumNote},
	// AGX Thor on a carrier board without INA238.
	{[]string{"VDD_GPU", "VDD_CPU_SOC_MSS", "VIN_SYS_5V0"}, Module, sumNote},
}

// railTotal returns the first sum whose rails are all there and on.
func railTotal(all []rail) (railSum, bool) {
	for _, s := range railSums {
		missing := slices.ContainsFunc(s.rails, func(l string) bool {
			return !slices.ContainsFunc(all, func(r rail) bool { return r.label == l && r.off == "" })
		})
		if !missing {
			return s, true
		}
	}
	return railSum{}, false
}

// unknownSum says why no total can be made. Where a rail is switched off, that
// is why.
func unknownSum(all []rail) error {
	var have, want []string
	for _, r := range all {
		if r.off != "" {
			return switchedOff(r.label, r.off)
		}
		have = append(have, r.label)
	}
	for _, s := range railSums {
		want = append(want, strings.Join(s.rails, " + "))
	}
	return fmt.Errorf("which of the rails %s make up the total is not known (have %s)", strings.Join(have, ", "), strings.Join(want, "; "))
}

// pace says how often the chips of a total have new values.
func pace(t tree, all []rail, s railSum, every time.Duration) string {
	if every == 0 {
		return "the driver does not tell its update interval: it is measured"
	}
	for _, r := range all {
		if n, err := t.number(r.chip + "/samples"); err == nil && r.every == every && slices.Contains(s.rails, r.label) {
			return fmt.Sprintf("a new value every %v, the mean of %.0f samples (update_interval, samples)", every, n)
		}
	}
	return fmt.Sprintf("a new value every %v (update_interval)", every)
}
