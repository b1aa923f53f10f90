package energy

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
)

// TestSMI reads the recorded answers of nvidia-smi, as a system does on which
// no library can be opened.
func TestSMI(t *testing.T) {
	env := inTree(recorded(t, "nvidia/smi"))
	ms, err := nvmlProbe("libassay-no-such-library.so")(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	got := describe(t, []Finding{{Kind: "nvml", Meters: ms}})
	const quarter = "    note: gpu-1 looks at its power a quarter of the time only (arXiv 2312.02741): loads shorter than 100 ms are seen by chance"
	want := lines("nvml",
		"  nvml (module): gpu-0 + gpu-1", "    gpu-0 + gpu-1: 124.22 W", "    every 1s", "    within 5 %", "    note: gpu-0 (NVIDIA A10)", "    note: gpu-1 (NVIDIA H100 80GB HBM3)", quarter,
		"    note: power only, read through nvidia-smi (WHY)", "    note: gpu-2 (NVIDIA GeForce GT 1030) meters nothing and is left out",
		"  nvml/0 (module): gpu-0", "    gpu-0: 55.32 W", "    every 1s", "    within 5 %", "    note: gpu-0 (NVIDIA A10)",
		"  nvml/1 (module): gpu-1", "    gpu-1: 68.9 W", "    every 1s", "    within 5 %", "    note: gpu-1 (NVIDIA H100 80GB HBM3)", quarter)
	before, rest, _ := strings.Cut(got, "nvidia-smi (")
	_, after, _ := strings.Cut(rest, ")\n") // what the system says of the library
	if got = before + "nvidia-smi (WHY)\n" + after; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestSMIFails has nvidia-smi fail at once, and during a measurement.
func TestSMIFails(t *testing.T) {
	root := recorded(t, "nvidia/smi")
	a := alter(root)
	probe := nvmlProbe("libassay-no-such-library.so")
	ms, err := probe(t.Context(), a.env())
	if err != nil || len(ms) == 0 {
		t.Fatal(err)
	}
	const both = "cmd/nvidia-smi_--id=0,1_--query-gpu=index,name,power.draw_--format=csv,noheader,nounits.txt"
	for _, c := range []struct{ text, want string }{
		{"0, NVIDIA A10, 55.32", "told of 1 GPUs, not of 2"},
		{"0, NVIDIA A10, 55.32\n1, NVIDIA H100, [Unknown Error]", `gpu-1: "[Unknown Error]" is no power`},
		{"0, NVIDIA A10, 55.32\n1, NVIDIA H100, NaN", `"NaN" is no power`},
		{"0, NVIDIA A10, 55.32\n1, NVIDIA H100, -1", `"-1" is no power`},
		{"GPU is lost", `"GPU is lost" is not index, name, power`},
		{"", "told of 0 GPUs, not of 2"},
	} {
		a.set(both, c.text)
		if r, err := ms[0].Total[0].Read(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, %v; want %s", c.text, r, err, c.want)
		}
	}
	a.set("cmd/nvidia-smi_--query-gpu=index,name,power.draw_--format=csv,noheader,nounits.txt", "No devices were found")
	if ms, err := probe(t.Context(), a.env()); len(ms) != 0 || err != nil {
		t.Errorf("no GPU: %v, %v", ms, err)
	}
}

// TestNoNVIDIA opens and runs nothing where there is no driver.
func TestNoNVIDIA(t *testing.T) {
	env := inTree(fstest.MapFS{})
	env.System.Run = nil // a call would panic
	ms, err := nvmlProbe("libnvidia-ml.so.1")(t.Context(), env)
	if len(ms) != 0 || err != nil {
		t.Errorf("%v, %v", ms, err)
	}
}

func FuzzSMI(f *testing.F) {
	f.Add("0, NVIDIA A10, 55.32\n1, NVIDIA H100 80GB HBM3, [N/A]\n")
	f.Fuzz(func(t *testing.T, text string) {
		rows, err := parseSMI(text)
		for _, r := range rows {
			if !(r.watts >= 0) || r.err != nil && r.watts != 0 || r.gpu.index < 0 || fmt.Sprint(r.watts) == "+Inf" {
				t.Errorf("%+v", r)
			}
		}
		if err != nil && rows != nil {
			t.Errorf("%v, %v", rows, err)
		}
	})
}
