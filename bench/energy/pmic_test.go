package energy

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os/exec"
	"strings"
	"testing"

	"assay/bench/host"
)

// onPi5 is an environment of a Pi 5 whose vcgencmd is a function.
func onPi5(t testing.TB, vcgencmd func() (string, error)) Env {
	env := inTree(recorded(t, "rpi5"))
	env.System.Run = func(context.Context, string, ...string) ([]byte, error) {
		out, err := vcgencmd()
		return []byte(out), err
	}
	return env
}

func TestPMIC(t *testing.T) {
	const pair = "VDD_CORE_A current(7)=2.0A\nVDD_CORE_V volt(15)=0.9V\n"
	for _, c := range []struct {
		name, out string
		err       error
		want      float64
		wantErr   string
		remedy    string
	}{
		{"one pair", pair, nil, 1.8, "", ""},
		{"voltages first, other channels", "A_B_V volt(1)=2V\n" + pair + "A_B_A current(99)=3A\n", nil, 7.8, "", ""},
		{"volts without a current are no rail", pair + "EXT5V_V volt(24)=5.06788000V\nBATT_V volt(25)=3.0V", nil, 1.8, "", ""},
		{"a current without volts", pair + "HDMI_A current(22)=0.01A\n", nil, 0, "vcgencmd pmic_read_adc: HDMI_A has no voltage beside it", ""},
		{"twice", pair + pair, nil, 0, "vcgencmd pmic_read_adc: VDD_CORE_A is there twice", ""},
		{"nothing", "\n", nil, 0, "vcgencmd pmic_read_adc: no rail has a current", ""},
		{"NaN", "X_A current(0)=NaNA\nX_V volt(0)=1V", nil, 0, "vcgencmd pmic_read_adc: X_A shows NaN", ""},
		{"negative", "X_A current(0)=-1A\nX_V volt(0)=1V", nil, 0, "vcgencmd pmic_read_adc: X_A shows -1", ""},
		{"volts that are called current", "X_V current(0)=1A", nil, 0, `vcgencmd pmic_read_adc: "X_V current(0)=1A" is not like VDD_CORE_A current(7)=1.2A`, ""},
		{"cut off", "X_A current(0)=1", nil, 0, `vcgencmd pmic_read_adc: "X_A current(0)=1" is not like VDD_CORE_A current(7)=1.2A`, ""},
		{"old firmware", `error=1 error_msg="Command not registered"`, nil, 0, `vcgencmd pmic_read_adc: the firmware answers error=1 error_msg="Command not registered"`, "sudo rpi-eeprom-update -a && sudo reboot"},
		{"missing", "", fmt.Errorf("vcgencmd: %w", exec.ErrNotFound), 0, "vcgencmd: executable file not found in $PATH", "sudo apt install raspi-utils"},
		{"hanging", "", fmt.Errorf("vcgencmd: %w", context.DeadlineExceeded), 0, "vcgencmd: context deadline exceeded: the firmware does not answer", ""},
		{"not allowed", "", errors.New("vcgencmd: exit status 255: Can't open device file: /dev/vcio"), 0, "vcgencmd: exit status 255: Can't open device file: /dev/vcio", `sudo usermod -aG video "$USER", then log in again (vcgencmd needs /dev/vcio)`},
	} {
		ms, err := probePMIC(t.Context(), onPi5(t, func() (string, error) { return c.out, c.err }))
		if c.wantErr != "" {
			if len(ms) != 0 || err == nil || err.Error() != c.wantErr || RemedyOf(err) != c.remedy {
				t.Errorf("%s: %v, %v (%s)\nwant %s (%s)", c.name, ms, err, RemedyOf(err), c.wantErr, c.remedy)
			}
			continue
		}
		if err != nil || len(ms) != 1 {
			t.Errorf("%s: %v, %v", c.name, ms, err)
			continue
		}
		r, err := ms[0].Total[0].Read(t.Context())
		if err != nil || math.Abs(r.Value-c.want) > 1e-9 || ms[0].Scope != Rail || ms[0].Estimated == "" {
			t.Errorf("%s: %v, %v, %+v; want %v W", c.name, r, err, ms[0], c.want)
		}
	}
}

// TestPMICPairs holds the recorded output against the sum that pairing by the
// order of lines gives: the last three pairs are in another order there.
func TestPMICPairs(t *testing.T) {
	out, err := recorded(t, "rpi5").ReadFile("cmd/vcgencmd_pmic_read_adc.txt")
	if err != nil {
		t.Fatal(err)
	}
	rails, err := parsePMIC(out)
	if err != nil || len(rails) != 12 {
		t.Fatalf("%d rails, %v; want 12", len(rails), err)
	}
	// 10.87674 A × 0.8974594 V, read off the file.
	for _, r := range rails {
		if r.name == "VDD_CORE" && math.Abs(r.watts-9.76143) > 1e-4 {
			t.Errorf("VDD_CORE: %v W, want 9.76143 W", r.watts)
		}
	}
	// With the lines in any order the sum is the same.
	lines := strings.SplitAfter(string(out), "\n")
	for i, j := 0, len(lines)-1; i < j; i, j = i+1, j-1 {
		lines[i], lines[j] = lines[j], lines[i]
	}
	turned, err := parsePMIC([]byte(strings.Join(lines, "")))
	if err != nil {
		t.Fatal(err)
	}
	watts := func(rails []railPower) (sum float64) {
		for _, r := range rails {
			sum += r.watts
		}
		return sum
	}
	if a, b := watts(rails), watts(turned); math.Abs(a-b) > 1e-9 || math.Abs(a-10.7999) > 1e-4 {
		t.Errorf("%v W, %v W backwards; want 10.7999 W", a, b)
	}
}

// TestPMICVanishes wants errors while vcgencmd fails or shows other rails, and
// readings again afterwards.
func TestPMICVanishes(t *testing.T) {
	const good, other = "X_A current(0)=1A\nX_V volt(1)=2V", "Y_A current(0)=1A\nY_V volt(1)=2V"
	out, fail := good, error(nil)
	env := onPi5(t, func() (string, error) { return out, fail })
	m, err := Open(t.Context(), env, "pmic")
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		out  string
		err  error
		want string
	}{
		{good, nil, ""},
		{other, nil, "read 1 PMIC rails: other rails than at first: Y, not X"},
		{"", fmt.Errorf("vcgencmd: %w", context.DeadlineExceeded), "read 1 PMIC rails: vcgencmd: context deadline exceeded: the firmware does not answer"},
		{good, nil, ""},
	} {
		out, fail = step.out, step.err
		_, err := m.Total[0].Read(t.Context())
		if step.want == "" && err != nil || step.want != "" && (err == nil || err.Error() != step.want) {
			t.Errorf("%v, want %q", err, step.want)
		}
	}
}

// TestOlderPi holds that boards without this chip are not asked for it.
func TestOlderPi(t *testing.T) {
	env := inTree(recorded(t, "rpi4"))
	env.System.Run = func(_ context.Context, name string, _ ...string) ([]byte, error) {
		t.Errorf("%s was run", name)
		return nil, exec.ErrNotFound
	}
	if ms, err := probePMIC(t.Context(), env); ms != nil || err != nil {
		t.Errorf("%v, %v", ms, err)
	}
	if _, err := Open(t.Context(), env, ""); !errors.Is(err, ErrNoMeter) || !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("%v, want %v", err, ErrNoMeter)
	}
}

func FuzzPMIC(f *testing.F) {
	out, err := host.Recorded(recorded(f, "rpi5")).Run(f.Context(), "vcgencmd", "pmic_read_adc")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(out))
	f.Add(`error=1 error_msg="Command not registered"`)
	f.Add("X_A current(0)=1e308A\nX_V volt(0)=1e308V\n")
	f.Fuzz(func(t *testing.T, out string) {
		rails, err := parsePMIC([]byte(out))
		if (err == nil) != (len(rails) > 0) {
			t.Errorf("%d rails, %v", len(rails), err)
		}
		m, err := probePMIC(t.Context(), onPi5(t, func() (string, error) { return out, nil }))
		if err != nil {
			return
		}
		r, err := m[0].Total[0].Read(t.Context())
		if err == nil && (math.IsInf(r.Value, 0) || math.IsNaN(r.Value) || r.Value < 0) {
			t.Errorf("%v W", r.Value)
		}
	})
}
