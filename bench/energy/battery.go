package energy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path"
	"strings"
)

func init() { Register("battery", RankBattery, probeBattery) }

// probeBattery finds the batteries that feed the device
// (Documentation/ABI/testing/sysfs-class-power). They tell what it draws only
// while they discharge and nothing is charged: on mains the power comes from
// elsewhere, and the current is that of charging. The figures are coarse, and
// new ones come every few seconds at best.
func probeBattery(_ context.Context, env Env) ([]Meter, error) {
	t := tree{env.System.FS}
	var dirs, names []string
	for _, dir := range t.glob("sys/class/power_supply/*") {
		if kind, err := t.text(dir + "/type"); err != nil || kind != "Battery" {
			continue
		}
		if scope, err := t.text(dir + "/scope"); err == nil && scope == "Device" {
			continue // that of a mouse or a headset
		}
		if present, err := t.number(dir + "/present"); err == nil && present == 0 {
			continue // an empty bay
		}
		dirs = append(dirs, dir)
		names = append(names, path.Base(dir))
	}
	if len(dirs) == 0 {
		return nil, nil
	}
	name := strings.Join(names, " + ")
	if _, err := drawn(t, dirs); err != nil {
		return nil, err
	}
	return []Meter{{
		Name: "battery", Scope: Board,
		Total: []Sensor{&gauge{domain: Domain{name, Power}, now: env.Now, value: func(context.Context) (float64, error) {
			return drawn(t, dirs)
		}}},
		Notes: []string{"coarse: the gauge of a battery renews its figures every few seconds", "only while it discharges: leave the mains unplugged"},
	}}, nil
}

// drawn is what the batteries give together, in W.
func drawn(t tree, dirs []string) (watts float64, err error) {
	var states []string
	discharging := false
	for _, dir := range dirs {
		state, err := t.text(dir + "/status")
		if err != nil {
			return 0, err
		}
		states = append(states, path.Base(dir)+" says "+state)
		switch state {
		case "Charging":
			return 0, onMains(states)
		case "Discharging":
			w, err := batteryPower(t, dir)
			if err != nil {
				return 0, err
			}
			watts += w
			discharging = true
		}
	}
	if !discharging {
		return 0, onMains(states)
	}
	return watts, nil
}

func onMains(states []string) error {
	return denied{fmt.Errorf("no battery discharges: %s", strings.Join(states, ", ")), "unplug the mains while energy is measured"}
}

// batteryPower is power_now in µW, or current_now × voltage_now in µA and µV.
// Some drivers show the current of discharge as negative.
func batteryPower(t tree, dir string) (watts float64, err error) {
	watts, err = t.number(dir + "/power_now")
	watts *= 1e-6
	if errors.Is(err, fs.ErrNotExist) {
		var a, v float64
		var errA, errV error
		a, errA = t.number(dir + "/current_now")
		v, errV = t.number(dir + "/voltage_now")
		watts, err = a*1e-6*v*1e-6, cmp.Or(errA, errV)
	}
	if err == nil && watts == 0 {
		err = fmt.Errorf("/%s: 0 W while discharging: the gauge does not tell", dir)
	}
	return math.Abs(watts), err
}
