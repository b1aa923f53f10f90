package energy

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
)

// filesOf makes a tree of "path text" lines. A text in angle brackets is an
// error of reading: <denied>, <again>.
func filesOf(t testing.TB, lines string) fs.FS {
	t.Helper()
	root := failing{MapFS: fstest.MapFS{}, errs: map[string]error{}}
	for line := range strings.Lines(lines) {
		path, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		if path == "" {
			continue
		}
		root.MapFS[path] = &fstest.MapFile{Data: []byte(strings.ReplaceAll(text, `\0`, "\x00") + "\n")}
		switch text {
		case "<denied>":
			root.errs[path] = fs.ErrPermission
		case "<again>":
			root.errs[path] = errors.New("resource temporarily unavailable")
		}
	}
	return root
}

// failing is a tree of which some files cannot be read, though they are there.
type failing struct {
	fstest.MapFS
	errs map[string]error
}

func (f failing) Open(name string) (fs.File, error) {
	err := f.errs[name]
	if errors.Is(err, fs.ErrPermission) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	file, e := f.MapFS.Open(name)
	if err != nil {
		return unreadable{file, err}, nil
	}
	return file, e
}

type unreadable struct {
	fs.File
	err error
}

func (u unreadable) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: "f", Err: u.err}
}

// findIn describes what one kind finds in a tree of files, without notes.
func findIn(t *testing.T, kind string, root fs.FS) string {
	t.Helper()
	env := inTree(nil)
	env.System.FS = root
	found := Find(t.Context(), env)
	for _, f := range found {
		if f.Kind == kind {
			var b strings.Builder
			for line := range strings.Lines(describe(t, []Finding{f})) {
				if !strings.HasPrefix(line, "    note: ") {
					b.WriteString(line)
				}
			}
			return b.String()
		}
	}
	return "no meter\n"
}

func TestHwmon(t *testing.T) {
	for _, c := range []struct{ name, files, want string }{
		{"a momentary power", `
			sys/class/hwmon/hwmon0/name ltc2945
			sys/class/hwmon/hwmon0/power1_input 2500000`, `
hwmon
  hwmon (rail): ltc2945 power1
    ltc2945 power1: 2.5 W
`},
		{"an average comes before the moment", `
			sys/class/hwmon/hwmon0/name ibmaem
			sys/class/hwmon/hwmon0/power1_input 2500000
			sys/class/hwmon/hwmon0/power1_average 2400000
			sys/class/hwmon/hwmon0/power1_average_interval 300`, `
hwmon
  hwmon (rail): ibmaem power1_average
    ibmaem power1_average: 2.4 W
    part: ibmaem power1 (power)
    every 300ms
`},
		{"the input before a rail, nothing added", `
			sys/class/hwmon/hwmon0/name ina226
			sys/class/hwmon/hwmon0/label vdd_soc
			sys/class/hwmon/hwmon0/power1_input 1000000
			sys/class/hwmon/hwmon1/name ina226
			sys/class/hwmon/hwmon1/label VDD_IN
			sys/class/hwmon/hwmon1/power1_input 4000000`, `
hwmon
  hwmon/vdd-in (board): VDD_IN
    VDD_IN: 4 W
  hwmon/vdd-soc (rail): vdd_soc
    vdd_soc: 1 W
`},
		{"two chips of one name", `
			sys/class/hwmon/hwmon2/name ina219
			sys/class/hwmon/hwmon2/power1_input 1000000
			sys/class/hwmon/hwmon10/name ina219
			sys/class/hwmon/hwmon10/power1_input 2000000`, `
hwmon
  hwmon/ina219-power1 (rail): ina219 power1
    ina219 power1: 1 W
  hwmon/ina219-power1-2 (rail): ina219 power1
    ina219 power1: 2 W
`},
		{"the counter of an INA228", `
			sys/class/hwmon/hwmon0/name ina228
			sys/class/hwmon/hwmon0/in0_input 8
			sys/class/hwmon/hwmon0/in1_input 5000
			sys/class/hwmon/hwmon0/curr1_input 500
			sys/class/hwmon/hwmon0/power1_input 2500000
			sys/class/hwmon/hwmon0/energy1_input 123456789012`, `
hwmon
  hwmon (rail): ina228 energy1
    ina228 energy1: counter at 123457 J
    part: ina228 power1 (power)
    part: ina228 in1×curr1 (power)
`},
		{"energy and power of firmware are no pair", `
			sys/class/hwmon/hwmon0/name scmi_sensors
			sys/class/hwmon/hwmon0/energy1_input 5000000
			sys/class/hwmon/hwmon0/energy1_label SYS_ENM_A72
			sys/class/hwmon/hwmon0/power1_input 3000000
			sys/class/hwmon/hwmon0/power1_label SYS_POW_GPU
			sys/class/hwmon/hwmon0/in1_input 900
			sys/class/hwmon/hwmon0/curr1_input 1000`, `
hwmon
  hwmon/sys-enm-a72 (rail): SYS_ENM_A72
    SYS_ENM_A72: counter at 5 J
  hwmon/sys-pow-gpu (rail): SYS_POW_GPU
    SYS_POW_GPU: 3 W
`},
		{"volts and amperes of an INA3221, its shunts left out", `
			sys/class/hwmon/hwmon0/name ina3221
			sys/class/hwmon/hwmon0/update_interval 8
			sys/class/hwmon/hwmon0/in1_label VIN
			sys/class/hwmon/hwmon0/in1_input 12000
			sys/class/hwmon/hwmon0/curr1_input 500
			sys/class/hwmon/hwmon0/in2_label unused
			sys/class/hwmon/hwmon0/in2_input 5000
			sys/class/hwmon/hwmon0/in2_enable 0
			sys/class/hwmon/hwmon0/curr2_input 1000
			sys/class/hwmon/hwmon0/in3_label NC
			sys/class/hwmon/hwmon0/in3_input 5000
			sys/class/hwmon/hwmon0/curr3_input 1000
			sys/class/hwmon/hwmon0/in4_input 5000
			sys/class/hwmon/hwmon0/curr4_input 1500
			sys/class/hwmon/hwmon0/in7_label sum of shunt voltages`, `
hwmon
  hwmon (board): VIN
    VIN: 6 W
    every 8ms
  error: ina3221 in2×curr2 is switched off (/sys/class/hwmon/hwmon0/in2_enable is 0)
  remedy: echo 1 | sudo tee /sys/class/hwmon/hwmon0/in2_enable
`},
		{"an unloaded channel, one step of the converter below nothing", `
			sys/class/hwmon/hwmon0/name ina3221
			sys/class/hwmon/hwmon0/shunt1_resistor 10000
			sys/class/hwmon/hwmon0/in1_input 5000
			sys/class/hwmon/hwmon0/curr1_input -4
			sys/class/hwmon/hwmon0/shunt2_resistor 10000
			sys/class/hwmon/hwmon0/in2_input 5000
			sys/class/hwmon/hwmon0/curr2_input -4000`, `
hwmon
  hwmon (rail): ina3221 in1×curr1
    ina3221 in1×curr1: -0.02 W
  error: read ina3221 in2×curr2: -20 W is no power
`},
		{"switched off, with another way", `
			sys/class/hwmon/hwmon0/name ina226
			sys/class/hwmon/hwmon0/power1_enable 0
			sys/class/hwmon/hwmon0/power1_input 0
			sys/class/hwmon/hwmon0/in1_input 5000
			sys/class/hwmon/hwmon0/curr1_input 200`, `
hwmon
  hwmon (rail): ina226 in1×curr1
    ina226 in1×curr1: 1 W
`},
		{"what may not be read", `
			sys/class/hwmon/hwmon0/name vexpress_energy
			sys/class/hwmon/hwmon0/energy1_input <denied>`, `
hwmon
  error: read vexpress_energy energy1: /sys/class/hwmon/hwmon0/energy1_input: permission denied
  remedy: sudo chmod a+r /sys/class/hwmon/hwmon0/energy1_input (until the next start; a udev rule keeps it), or run as root
`},
		{"malformed, negative, endless, gone", `
			sys/class/hwmon/hwmon0/name a
			sys/class/hwmon/hwmon0/power1_input nan
			sys/class/hwmon/hwmon1/name b
			sys/class/hwmon/hwmon1/power1_input -1
			sys/class/hwmon/hwmon2/name c
			sys/class/hwmon/hwmon2/power1_input 1e999
			sys/class/hwmon/hwmon3/name d
			sys/class/hwmon/hwmon3/power1_input <again>
			sys/class/hwmon/hwmon4/power1_input
			`, `
hwmon
  error: read a power1: /sys/class/hwmon/hwmon0/power1_input: "nan" is not a number; read b power1: -1e-06 is no power; read c power1: /sys/class/hwmon/hwmon2/power1_input: "1e999" is not a number; read d power1: /sys/class/hwmon/hwmon3/power1_input: resource temporarily unavailable; read  power1: /sys/class/hwmon/hwmon4/power1_input: "" is not a number
`},
		{"what belongs to others", `
			proc/device-tree/compatible nvidia,p3768-0000+p3767-0000\0nvidia,tegra234\0
			sys/class/hwmon/hwmon0/name power_meter
			sys/class/hwmon/hwmon0/power1_average 100000000
			sys/class/hwmon/hwmon1/name amd_energy
			sys/class/hwmon/hwmon1/energy1_input 100000000
			sys/class/hwmon/hwmon2/name BAT0
			sys/class/hwmon/hwmon2/device/type Battery
			sys/class/hwmon/hwmon2/power1_input 100000000
			sys/class/hwmon/hwmon3/name ina3221
			sys/class/hwmon/hwmon3/in1_input 5000
			sys/class/hwmon/hwmon3/curr1_input 5000
			sys/class/hwmon/hwmon4/name sfp_1
			sys/class/hwmon/hwmon4/power1_label TX_power
			sys/class/hwmon/hwmon4/power1_input 500
			sys/class/hwmon/hwmon5/name coretemp
			sys/class/hwmon/hwmon5/temp1_input 50000
			sys/class/hwmon/hwmon6/name soctherm_oc
			sys/class/hwmon/hwmon7/name amdgpu
			sys/class/hwmon/hwmon7/power1_average 20000000`, `
no meter
`},
	} {
		if got, want := findIn(t, "hwmon", filesOf(t, c.files)), strings.TrimPrefix(c.want, "\n"); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, want)
		}
	}
}

func TestNamesInput(t *testing.T) {
	for label, want := range map[string]bool{
		"VDD_IN": true, "VIN": true, "board-input": true, "Total System Power": true, "5V_IN": true, "DC IN": true, "vcc12v_dcin": true,
		"": false, "12V_IN_CPU": false, "vdd_gpu": false, "POUT1": false, "pin": false, "VDD": false, "total GPU power": false, "SYS_POW_SYS": false,
	} {
		if namesInput(label) != want {
			t.Errorf("%q: %v, want %v", label, !want, want)
		}
	}
}

// TestMeasuredFirst holds that a chip in the supply line is preferred to the
// estimate of a Pi 5's PMIC.
func TestMeasuredFirst(t *testing.T) {
	root := recorded(t, "rpi5")
	for path, f := range recorded(t, "ina226-i2c") {
		root[path] = f
	}
	m, err := Open(t.Context(), inTree(root), "")
	if err != nil || m.Name != "hwmon" {
		t.Errorf("%v, %v", m, err)
	}
}

// TestVanishes wants an error of the reading, and the next one back, from a
// sensor that goes and comes again.
func TestVanishes(t *testing.T) {
	root := recorded(t, "ina226-i2c")
	m, err := Open(t.Context(), inTree(root), "hwmon")
	if err != nil {
		t.Fatal(err)
	}
	const file = "sys/class/hwmon/hwmon4/power1_input"
	power := root[file]
	for _, step := range []struct {
		file *fstest.MapFile
		want string
	}{
		{power, ""},
		{nil, "read ina226 power1: /" + file + ": file does not exist"},
		{&fstest.MapFile{Data: []byte("4125000 W\n")}, "read ina226 power1: /" + file + `: "4125000 W" is not a number`},
		{power, ""},
	} {
		if root[file] = step.file; step.file == nil {
			delete(root, file)
		}
		r, err := m.Total[0].Read(t.Context())
		if step.want == "" && (err != nil || r.Value != 4.125) || step.want != "" && (err == nil || err.Error() != step.want) {
			t.Errorf("read %v, %v; want %q", r, err, step.want)
		}
	}
}
