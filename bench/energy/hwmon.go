package energy

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

func init() { Register("hwmon", RankBoard, probeHwmon) }

// probeHwmon finds what Linux's hwmon subsystem meters: energy counters
// (energyN_input, µJ), powers (powerN_average and powerN_input, µW) and, of the
// INA chips, voltage × current (inN_input, mV; currN_input, mA). Source of the
// files and units: Documentation/hwmon/sysfs-interface.rst.
//
// Nothing tells which line feeds which, so no two are ever added: every line
// is a meter of its own, those of a board's input before those of rails.
func probeHwmon(_ context.Context, env Env) ([]Meter, error) {
	t := tree{env.System.FS}
	var ms []Meter
	var err error
	for _, dir := range t.glob("sys/class/hwmon/hwmon*") {
		c := chip{tree: t, dir: dir, name: t.word(dir + "/name")}
		if c.elsewhere() {
			continue
		}
		for n := 1; n <= hwmonLines; n++ {
			found, e := c.meters(n, env.Now)
			ms, err = append(ms, found...), also(err, e)
		}
	}
	slices.SortStableFunc(ms, func(a, b Meter) int { return boardFirst(a) - boardFirst(b) })
	tellApart(ms)
	return ms, err
}

// hwmonLines is how many lines of one chip are looked for; the largest drivers
// (PMBus, SCMI) number theirs from 1 without gaps, well below it.
const hwmonLines = 64

// boardFirst orders meters.
func boardFirst(m Meter) int {
	if m.Scope == Board {
		return 0
	}
	return 1
}

// A chip is one hwmon device.
type chip struct {
	tree
	dir, name string
}

// notHwmon are chips that other kinds of meters read, or GPUs, on which nothing
// here runs.
var notHwmon = []string{"amd_energy", "power_meter", "coretemp", "k10temp", "soctherm", "amdgpu", "radeon", "nouveau", "i915", "xe"}

// elsewhere reports whether the chip is not ours.
func (c chip) elsewhere() bool {
	switch c.word(c.dir + "/device/type") { // a power supply shows itself in hwmon too
	case "Battery", "Mains", "UPS", "USB", "Wireless":
		return true
	}
	for _, o := range notHwmon {
		if c.name == o || strings.HasPrefix(c.name, o+"_") || strings.HasPrefix(c.name, o+"-") {
			return true
		}
	}
	return c.isJetson() && (strings.HasPrefix(c.name, "ina3221") || c.name == "ina238")
}

// ina reports whether the chip meters shunt and bus voltage of the same lines,
// so that inN and currN belong together and powerN and energyN are the same
// line again (Documentation/hwmon/ina2xx.rst, ina238.rst, ina3221.rst). Its
// other voltages are those over shunts: in0, and in4 to in7 of the INA3221.
func (c chip) ina() bool {
	return strings.HasPrefix(c.name, "ina") || strings.EqualFold(c.name, "sq52206")
}

// A source is one way to learn what a line uses.
type source struct {
	item  string // "power1"
	kind  Kind
	files []string // whose numbers are multiplied
	unit  float64  // and by this: J or W
	every time.Duration
	off   string // the flag that switches it off, "" where it is on
}

// sources lists the ways that line n offers, the best first. An average over
// the time since the last reading loses nothing between two readings; a
// momentary power does.
func (c chip) sources(n int) []source {
	file := func(what string) string { return fmt.Sprintf("%s/%s%d", c.dir, what, n) }
	all := []source{
		{item: fmt.Sprintf("energy%d", n), kind: Counter, files: []string{file("energy") + "_input"}, unit: 1e-6},
		{item: fmt.Sprintf("power%d_average", n), kind: Power, files: []string{file("power") + "_average"}, unit: 1e-6, every: c.millis(file("power") + "_average_interval")},
		{item: fmt.Sprintf("power%d", n), kind: Power, files: []string{file("power") + "_input"}, unit: 1e-6},
	}
	if c.ina() && n <= 3 {
		all = append(all, source{item: fmt.Sprintf("in%d×curr%d", n, n), kind: Power, files: []string{file("in") + "_input", file("curr") + "_input"}, unit: 1e-6})
	}
	var out []source
	for _, s := range all {
		if slices.ContainsFunc(s.files, func(f string) bool { return !c.has(f) }) {
			continue
		}
		if s.every == 0 {
			s.every = c.millis(c.dir + "/update_interval")
		}
		for _, f := range s.files {
			flag := f[:strings.LastIndexByte(f, '_')] + "_enable"
			if c.word(flag) == "0" {
				s.off = flag
			}
		}
		out = append(out, s)
	}
	return out
}

// meters returns the meters of line n: one, or two where a chip that is no INA
// has an energy and a power of the same number, which need not be one line.
func (c chip) meters(n int, now func() time.Duration) ([]Meter, error) {
	all := c.sources(n)
	groups := [][]source{all}
	if i := slices.IndexFunc(all, func(s source) bool { return s.kind == Power }); i > 0 && !c.ina() {
		groups = [][]source{all[:i], all[i:]}
	}
	var ms []Meter
	var err error
	for _, g := range groups {
		if len(g) == 0 || slices.Contains(notPower, c.label(n, g[0])) {
			continue
		}
		m, e := c.meter(n, g, now)
		if err = also(err, e); e == nil {
			ms = append(ms, m)
		}
	}
	return ms, err
}

// meter makes a meter of the best source of a line that is on and can be read.
func (c chip) meter(n int, all []source, now func() time.Duration) (Meter, error) {
	on := slices.IndexFunc(all, func(s source) bool { return s.off == "" })
	if on < 0 {
		return Meter{}, switchedOff(c.name+" "+all[0].item, all[0].off)
	}
	s := all[on]
	label := c.label(n, s)
	scope, note := c.scope(label)
	if label == "" {
		label = c.name + " " + s.item
	}
	g := gauge{
		domain: Domain{Name: label, Kind: s.kind}, now: now,
		value: func(context.Context) (float64, error) {
			v, err := c.product(s.files)
			return v * s.unit, err
		},
	}
	var sensor Sensor = &g
	if c.name == "ina3221" {
		sensor = &ina3221{g, leastINA3221(c.tree, c.dir, n)}
	}
	if _, err := sensor.Read(context.Background()); err != nil {
		return Meter{}, err
	}
	m := Meter{Name: "hwmon", Scope: scope, Total: []Sensor{sensor}, Interval: s.every, Notes: []string{note}}
	for i, p := range all {
		switch {
		case p.off != "":
			m.Notes = append(m.Notes, p.item+" is switched off ("+path.Base(p.off)+" is 0)")
		case i != on:
			m.Parts = append(m.Parts, Domain{Name: c.name + " " + p.item, Kind: p.kind})
		}
	}
	return m, nil
}

// label is what the board's maker or the device tree calls a source; the chip's
// own label comes last.
func (c chip) label(n int, s source) string {
	var files []string
	for _, f := range s.files {
		files = append(files, f[:strings.LastIndexByte(f, '_')]+"_label")
	}
	if c.ina() {
		files = append(files, fmt.Sprintf("%s/in%d_label", c.dir, n))
	}
	for _, f := range append(files, c.dir+"/label") {
		if l := c.word(f); l != "" {
			return l
		}
	}
	return ""
}

// scope says what a line meters, as far as its label tells.
func (c chip) scope(label string) (s Scope, note string) {
	switch {
	case label == "":
		return Rail, "no label says what it meters, so it counts as one rail: where it is in the board's supply line, label it so in the device tree (label = \"board-input\")"
	case namesInput(label):
		return Board, fmt.Sprintf("the label %q of %s says that it meters the board's input", label, c.name)
	}
	return Rail, fmt.Sprintf("the label %q of %s names a rail, not the board's input", label, c.name)
}

// namesInput reports whether a label names what feeds the whole board, and
// nothing else: VDD_IN, VIN, board-input, "Total System Power", but not
// 12V_IN_CPU.
func namesInput(label string) bool {
	named := false
	for _, w := range labelWords(label) {
		switch w {
		case "vin", "in", "dcin", "input", "board", "total":
			named = true
		case "vdd", "vcc", "vbus", "dc", "main", "supply", "system", "power":
		default:
			if !voltage.MatchString(w) {
				return false
			}
		}
	}
	return named
}

var voltage = regexp.MustCompile(`^(vdd|vcc)?[0-9]+v[0-9]*$`) // 5v, 3v3, vcc12v

// notPower are labels of what has no power in watts: the light that a network
// module sends and gets (Linux, drivers/net/phy/sfp.c), and channels that are
// not connected.
var notPower = []string{"TX_power", "RX_power", "NC"}

func labelWords(label string) []string {
	return strings.FieldsFunc(strings.ToLower(label), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
}

// tellApart gives meters of one kind names of their own where there are
// several: "hwmon/vdd-in".
func tellApart(ms []Meter) {
	if len(ms) < 2 {
		return
	}
	seen := map[string]int{}
	for i := range ms {
		name := strings.Join(labelWords(ms[i].Total[0].Domain().Name), "-")
		if seen[name]++; seen[name] > 1 {
			name = fmt.Sprintf("%s-%d", name, seen[name])
		}
		ms[i].Name = "hwmon/" + name
	}
}

// switchedOff is the error of a channel whose flag is 0.
func switchedOff(what, flag string) error {
	return denied{fmt.Errorf("%s is switched off (/%s is 0)", what, flag), "echo 1 | sudo tee /" + flag}
}
