package energy

import (
	"context"
	"fmt"
	"path"
	"strings"
)

// amdRemedy lets a group read the sockets: the driver keeps its files from
// others, as powercap does and for the same reason. They are attributes, which
// udev's GROUP and MODE do not reach (udev(7)).
const amdRemedy = `sudo groupadd -f energy && sudo usermod -aG energy "$USER" && ` +
	`echo 'ACTION=="add|change", SUBSYSTEM=="hwmon", ATTR{name}=="amd_energy", ` +
	`RUN+="/bin/sh -c '"'"'chgrp energy /sys%p/energy*_input'"'"'"' | ` +
	`sudo tee /etc/udev/rules.d/70-assay-amd.rules && ` +
	`sudo udevadm control --reload && sudo udevadm trigger --subsystem-match=hwmon # then log in again`

// amdMeters finds the sockets of the amd_energy driver
// (Documentation/hwmon/amd_energy.rst), which newer kernels dropped:
// energyN_input in µJ, which the driver accumulates in 64 bits. Cores (Ecore*)
// lie in their socket.
func amdMeters(t tree, env Env) ([]Meter, error) {
	m := Meter{Name: "rapl", Scope: Package, Interval: raplInterval, Notes: []string{"read through the amd_energy driver"}}
	files, labels := amdSockets(t)
	for i, file := range files {
		first, err := t.count(file)
		if err != nil {
			return nil, denied{err, amdRemedy}
		}
		c := wrapping{last: first, total: first, at: env.Now()}
		m.Total = append(m.Total, &gauge{domain: Domain{labels[i], Counter}, now: env.Now, value: func(context.Context) (float64, error) {
			now, err := t.count(file)
			if err != nil {
				return 0, err
			}
			if err := c.add(now, env.Now()); err != nil {
				return 0, fmt.Errorf("/%s: %w", file, err)
			}
			return float64(c.total) * 1e-6, nil
		}})
	}
	if len(m.Total) == 0 {
		return nil, nil
	}
	return []Meter{m}, nil
}

// amdSockets lists the sockets' files with their labels. What has no readable
// label is no socket.
func amdSockets(t tree) (files, labels []string) {
	for _, dir := range t.glob("sys/class/hwmon/hwmon*") {
		if name, err := t.text(dir + "/name"); err != nil || name != "amd_energy" {
			continue
		}
		for _, l := range t.glob(dir + "/energy*_label") {
			if label, err := t.text(l); err == nil && strings.HasPrefix(label, "Esocket") {
				files = append(files, strings.TrimSuffix(l, "_label")+"_input")
				labels = append(labels, label)
			}
		}
	}
	return files, labels
}

// noteAMD says what amd_energy shows once more.
func noteAMD(t tree, ms []Meter) []Meter {
	files, labels := amdSockets(t)
	if len(ms) == 0 || len(labels) == 0 {
		return ms
	}
	ms[0].Notes = append(ms[0].Notes, fmt.Sprintf("the same again, left out: %s of amd_energy (%s)", strings.Join(labels, ", "), path.Base(path.Dir(files[0]))))
	return ms
}
