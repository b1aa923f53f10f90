package energy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

func init() { Register("ipmi", RankFirmware+2, probeIPMI) }

// ipmiInterval: management controllers renew the power about once a second;
// the sampling period that DCMI states is that of its mean.
const ipmiInterval = time.Second

// ipmiDevices are the names that ipmitool tries.
var ipmiDevices = []string{"dev/ipmi0", "dev/ipmi/0", "dev/ipmidev/0"}

// ipmiRemedy lets a group ask the controller: the device is root's. It is a
// device node, so GROUP and MODE of udev reach it.
const ipmiRemedy = `sudo groupadd -f energy && sudo usermod -aG energy "$USER" && ` +
	`echo 'SUBSYSTEM=="ipmi", GROUP="energy", MODE="0660"' | sudo tee /etc/udev/rules.d/70-assay-ipmi.rules && ` +
	`sudo udevadm control --reload && sudo udevadm trigger --subsystem-match=ipmi # then log in again; the group can do all that IPMI can, such as switching the power off`

// probeIPMI finds a server's management controller, which ipmitool asks for
// the power at the plug (DCMI 1.5, §6.6.1, Get Power Reading). A command that
// hangs is ended by the System.
func probeIPMI(ctx context.Context, env Env) ([]Meter, error) {
	t := tree{env.System.FS}
	device := ""
	for _, d := range ipmiDevices {
		if device == "" && t.has(d) {
			device = d
		}
	}
	if device == "" {
		return nil, nil
	}
	if _, err := dcmiPower(ctx, env); err != nil {
		return nil, ipmiError(t, device, err)
	}
	return []Meter{{
		Name: "ipmi", Scope: Wall, Interval: ipmiInterval,
		Total: []Sensor{&gauge{domain: Domain{"dcmi", Power}, now: env.Now, value: func(ctx context.Context) (float64, error) {
			return dcmiPower(ctx, env)
		}}},
		Notes: []string{"whole watts of the whole server"},
	}}, nil
}

// ipmiError adds what mends err.
func ipmiError(t tree, device string, err error) error {
	if errors.Is(err, exec.ErrNotFound) {
		return denied{fmt.Errorf("/%s is there, to be asked by a command that is not: %w", device, err), "install ipmitool (Debian: sudo apt install ipmitool)"}
	}
	f, openErr := t.Open(device)
	if openErr == nil {
		f.Close()
	}
	if errors.Is(openErr, fs.ErrPermission) {
		return denied{fmt.Errorf("/%s: %w", device, fs.ErrPermission), ipmiRemedy}
	}
	return err
}

func dcmiPower(ctx context.Context, env Env) (float64, error) {
	out, err := env.System.Run(ctx, "ipmitool", "dcmi", "power", "reading")
	if err != nil {
		return 0, err
	}
	return parseDCMI(string(out))
}

// parseDCMI reads what `ipmitool dcmi power reading` prints. A controller
// whose reading is not activated, or that says 0 W of itself, does not meter.
func parseDCMI(text string) (watts float64, err error) {
	found := false
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch strings.TrimSpace(key) {
		case "Instantaneous power reading":
			number, unit, _ := strings.Cut(value, " ")
			n, err := strconv.ParseUint(number, 10, 32)
			if err != nil || unit != "Watts" {
				return 0, fmt.Errorf("ipmitool: %q is no power in watts", value)
			}
			watts, found = float64(n), true
		case "Power reading state is":
			if value != "activated" {
				return 0, fmt.Errorf("ipmitool: the controller's power reading is %s", value)
			}
		}
	}
	switch {
	case !found:
		return 0, errors.New("ipmitool: no power reading in what it printed")
	case watts == 0:
		return 0, errors.New("ipmitool: 0 W: the controller does not meter")
	}
	return watts, nil
}
