package energy

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"
)

func init() { Register("acpi", RankFirmware+1, probeACPI) }

// probeACPI finds the power meters of ACPI (Documentation/hwmon/
// acpi_power_meter.rst): power1_average in µW, the mean of
// power1_average_interval ms. ACPI says that it meters the input of a system or
// a part of it, so its scope is board; several meters may be supplies, parts of
// each other or spares, so they are not added.
func probeACPI(_ context.Context, env Env) ([]Meter, error) {
	t := tree{env.System.FS}
	var out []Meter
	var errs error
	for _, dir := range t.glob("sys/class/hwmon/hwmon*") {
		if !t.has(dir + "/name") {
			dir += "/device" // where the driver puts its files in older kernels
		}
		if name, err := t.text(dir + "/name"); err != nil || name != "power_meter" {
			continue
		}
		if b, err := t.number(dir + "/power1_is_battery"); err == nil && b != 0 {
			continue
		}
		m, err := acpiMeter(t, env, dir)
		if err != nil {
			errs = cmp.Or(errs, err)
			continue
		}
		if m.Name = "acpi"; len(out) > 0 {
			m.Name = fmt.Sprintf("acpi/%d", len(out)+1)
		}
		out = append(out, m)
	}
	if len(out) > 1 {
		for i := range out {
			out[i].Notes = append(out[i].Notes, fmt.Sprintf("one of %d ACPI meters, which are not added: choose by acpi/2 and so on", len(out)))
		}
	}
	return out, errs
}

func acpiMeter(t tree, env Env, dir string) (Meter, error) {
	file := dir + "/power1_average"
	if _, err := t.number(file); err != nil {
		return Meter{}, err
	}
	name := strings.TrimPrefix(path.Base(strings.TrimSuffix(dir, "/device")), "hwmon")
	m := Meter{Scope: Board, Interval: time.Second, Total: []Sensor{microwatts(t, env, "meter "+name, file)}}
	if ms, err := t.number(dir + "/power1_average_interval"); err == nil && ms > 0 && ms < 1e9 {
		m.Interval = time.Duration(ms) * time.Millisecond
	}
	if s, err := t.text(dir + "/power1_accuracy"); err == nil { // "90.0%"
		if p, err := strconv.ParseFloat(strings.TrimSuffix(s, "%"), 64); err == nil && p > 0 && p < 100 {
			m.Error = (100 - p) / 100
		}
	}
	if oem, err := t.text(dir + "/power1_oem_info"); err == nil && oem != "" {
		m.Notes = append(m.Notes, "the meter calls itself "+strconv.Quote(oem))
	}
	return m, nil
}
