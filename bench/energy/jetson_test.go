package energy

import (
	"math"
	"strings"
	"testing"
	"testing/fstest"
)

const (
	orin = "sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon3"
	nano = "sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0"
)

// TestJetson changes recorded boards: what a board shows as it is, is in the
// goldens of TestBoards.
func TestJetson(t *testing.T) {
	for _, c := range []struct {
		name, board string
		change      map[string]string // a file's new text; "" removes it
		want        string
	}{
		{"no chip, as on the Nano 2GB", "jetson-nano-jp4", map[string]string{
			nano + "/rail_name_0": "", nano + "/rail_name_1": "", nano + "/rail_name_2": "",
		}, "no meter\n"},
		{"no Jetson", "jetson-agx-orin", map[string]string{"proc/device-tree/compatible": "radxa,rock-5b\x00rockchip,rk3588\x00"}, "no meter\n"},
		{"a rail of the total is off", "jetson-agx-orin", map[string]string{orin + "/in3_enable": "0"}, `jetson
  error: VIN_SYS_5V0 is switched off (/` + orin + `/in3_enable is 0)
  remedy: echo 1 | sudo tee /` + orin + `/in3_enable
`},
		{"rails of an unknown board", "jetson-nano-jp4", map[string]string{nano + "/rail_name_0": "MY_5V"}, `jetson
  error: which of the rails MY_5V, POM_5V_GPU, POM_5V_CPU make up the total is not known (have VIN; VDD_IN; POM_5V_IN; VDD_GPU_SOC + VDD_CPU_CV + VIN_SYS_5V0; GPU + CPU + SOC + CV + VDDRQ + SYS5V; VDD_GPU + VDD_CPU_SOC_MSS + VIN_SYS_5V0)
`},
		{"a rail that cannot be read", "jetson-agx-orin", map[string]string{orin + "/curr2_input": ""}, `jetson
  error: read VDD_CPU_CV: /` + orin + `/curr2_input: file does not exist
`},
		{"nonsense", "jetson-nano-jp4", map[string]string{nano + "/in_power0_input": "1022 mW"}, `jetson
  error: read POM_5V_IN: /` + nano + `/in_power0_input: "1022 mW" is not a number
`},
		{"less than nothing", "jetson-agx-orin", map[string]string{orin + "/curr1_input": "-100"}, `jetson
  error: read VDD_GPU_SOC: -0.0843 W is no power
`},
		{"Thor on a carrier board without INA238: an idle GPU is one step below nothing", "jetson-agx-thor", map[string]string{
			"sys/bus/i2c/drivers/ina238/2-0044/hwmon/hwmon4/power1_input": "",
		}, `jetson
  jetson (module): VDD_GPU + VDD_CPU_SOC_MSS + VIN_SYS_5V0
    VDD_GPU: -0.392 W
    VDD_CPU_SOC_MSS: 6.50986 W
    VIN_SYS_5V0: 6.5208 W
    every 3.391s
`},
	} {
		root := recorded(t, c.board)
		for path, text := range c.change {
			if root[path] = (&fstest.MapFile{Data: []byte(text)}); text == "" {
				delete(root, path)
			}
		}
		if got := findIn(t, "jetson", root); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

// TestRailSums holds that no total has a rail twice, and that each is one for
// which a board is recorded.
func TestRailSums(t *testing.T) {
	seen := map[string]string{}
	for _, board := range []string{"jetson-agx-orin", "jetson-agx-thor", "jetson-agx-xavier", "jetson-nano-jp4", "jetson-orin-nx", "jetson-tx2"} {
		m, err := Open(t.Context(), inTree(recorded(t, board)), "jetson")
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		sum := 0.0
		for _, s := range m.Total {
			r, err := s.Read(t.Context())
			if err != nil {
				t.Errorf("%s: %v", board, err)
			}
			names, sum = append(names, s.Domain().Name), sum+r.Value
		}
		for _, p := range m.Parts {
			if strings.Contains("+"+strings.Join(names, "+")+"+", "+"+p.Name+"+") {
				t.Errorf("%s: %s is added, and a part", board, p.Name)
			}
		}
		seen[strings.Join(names, " + ")] = board
		// The recorded volts and amperes; VDDQ would be 1.800 × 0.341 more.
		const want = 0.843*6.170 + 0.780*3.437 + 4.968*0.953
		if board == "jetson-agx-orin" && math.Abs(sum-want) > 1e-9 {
			t.Errorf("%s: %v W in all, want %v W", board, sum, want)
		}
	}
	for _, s := range railSums[:len(railSums)-1] { // the last is in TestJetson
		if name := strings.Join(s.rails, " + "); seen[name] == "" {
			t.Errorf("no recorded board has the total %s", name)
		}
	}
}
