package energy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"syscall"
	"time"
)

func init() { Register("scmi", RankFirmware, probeSCMI) }

// probeSCMI finds the power zones of ARM's system control firmware
// (drivers/powercap/arm_scmi_powercap.c). They tell no energy: power_uw is the
// mean over constraint_0_time_window_us. A zone within another one is part of
// it. Which supplies a zone has is the firmware's secret, so its scope is rail.
func probeSCMI(_ context.Context, env Env) ([]Meter, error) {
	t := tree{env.System.FS}
	m := Meter{Name: "scmi", Scope: Rail}
	counted := map[string]bool{} // by number: zones whose power is in the sum
	for _, dir := range t.glob("sys/class/powercap/arm-scmi:*") {
		name, err := t.text(dir + "/name")
		if err != nil {
			return nil, err
		}
		number := strings.TrimPrefix(path.Base(dir), "arm-scmi:")
		if nested(number, counted) {
			m.Parts = append(m.Parts, Domain{name, Power})
			continue
		}
		file := dir + "/power_uw"
		switch _, err := t.number(file); {
		case errors.Is(err, syscall.EINVAL), errors.Is(err, fs.ErrNotExist):
			m.Notes = append(m.Notes, fmt.Sprintf("%s can be limited and not metered: left out", name))
			continue
		case err != nil:
			return nil, err
		}
		counted[number] = true
		m.Total = append(m.Total, microwatts(t, env, name, file))
		if us, err := t.number(dir + "/constraint_0_time_window_us"); err == nil && us > 0 && us < 1e12 {
			m.Interval = max(m.Interval, time.Duration(us)*time.Microsecond) // the slowest zone's
		}
	}
	if len(m.Total) == 0 {
		return nil, nil
	}
	m.Notes = append(m.Notes, "the firmware alone knows which supplies a zone has")
	return []Meter{m}, nil
}

// nested reports whether the zone number ("0:1:2") lies in a counted one.
func nested(number string, counted map[string]bool) bool {
	for {
		i := strings.LastIndexByte(number, ':')
		if i < 0 {
			return false
		}
		number = number[:i]
		if counted[number] {
			return true
		}
	}
}

// microwatts is a sensor whose file shows µW.
func microwatts(t tree, env Env, name, file string) Sensor {
	return &gauge{domain: Domain{name, Power}, now: env.Now, value: func(context.Context) (float64, error) {
		v, err := t.number(file)
		return v * 1e-6, err
	}}
}
