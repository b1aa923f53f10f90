//go:build linux && (amd64 || arm64) && nvml

package energy

import (
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// fakeNVML compiles the stand-in for NVIDIA's library.
func fakeNVML(t *testing.T, defines string) string {
	t.Helper()
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("no C compiler to make a stand-in for NVIDIA's library with")
	}
	so := filepath.Join(t.TempDir(), "libnvidia-ml.so.1")
	args := append([]string{"-shared", "-fPIC", "-O1", "-o", so, "testdata/nvidia/fake.c"}, strings.Fields(defines)...)
	if out, err := exec.Command(cc, args...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return so
}

// withDriver is a device with an NVIDIA driver and no commands.
func withDriver() Env { return treeOf("proc/driver/nvidia/version", "NVRM version: …").env() }

func TestNVML(t *testing.T) {
	const note = "    note: gpu-1 looks at its power a quarter of the time only (arXiv 2312.02741): loads shorter than 100 ms are seen by chance"
	for _, c := range []struct{ name, defines, want string }{
		{"one GPU", "-DGPUS=1 -DINIT=0 -DCOUNTER=9 -DPOWER=9", lines(
			"  nvml (module): gpu-0", "    gpu-0: counter at 1000.25 J", "    every 100ms", "    within 5 %", "    note: gpu-0 (NVIDIA A10)")},
		{"two GPUs", "-DGPUS=2 -DINIT=0 -DCOUNTER=9 -DPOWER=9", lines(
			"  nvml (module): gpu-0 + gpu-1", "    gpu-0: counter at 1000.5 J", "    gpu-1: counter at 2000.75 J", "    every 100ms", "    within 5 %", "    note: gpu-0 (NVIDIA A10)", "    note: gpu-1 (NVIDIA A100-SXM4-40GB)", note,
			"  nvml/0 (module): gpu-0", "    gpu-0: counter at 1001 J", "    every 100ms", "    within 5 %", "    note: gpu-0 (NVIDIA A10)",
			"  nvml/1 (module): gpu-1", "    gpu-1: counter at 2001.25 J", "    every 100ms", "    within 5 %", "    note: gpu-1 (NVIDIA A100-SXM4-40GB)", note)},
		{"no counter", "-DGPUS=1 -DINIT=0 -DCOUNTER=0 -DPOWER=9", lines(
			"  nvml (module): gpu-0", "    gpu-0: 60.5 W", "    every 100ms", "    within 5 %", "    note: gpu-0 (NVIDIA A10)")},
		{"an old library", "-DGPUS=1 -DINIT=0 -DCOUNTER=9 -DPOWER=9 -DOLD", lines(
			"  nvml (module): gpu-0", "    gpu-0: 60.5 W", "    every 100ms", "    within 5 %", "    note: gpu-0 (NVIDIA A10)")},
		{"nothing, as on Jetson", "-DGPUS=1 -DINIT=0 -DCOUNTER=0 -DPOWER=0", ""},
		{"no GPU", "-DGPUS=0 -DINIT=0 -DCOUNTER=0 -DPOWER=0", ""},
		{"mismatch", "-DGPUS=1 -DINIT=18 -DCOUNTER=9 -DPOWER=9", lines(
			"  error: nvml: driver and library are of different versions", "  remedy: the driver was updated while it was loaded: restart the machine")},
		{"denied", "-DGPUS=1 -DINIT=4 -DCOUNTER=9 -DPOWER=9", lines(
			"  error: nvml: no permission", "  remedy: "+nvmlReturn(4).Remedy())},
	} {
		t.Run(c.name, func(t *testing.T) {
			ms, err := nvmlProbe(fakeNVML(t, c.defines))(t.Context(), withDriver())
			got := strings.TrimPrefix(describe(t, []Finding{{Kind: "nvml", Meters: ms, Err: err}}), "nvml\n")
			if got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// TestNVMLMixed has a GPU with a counter and one without: both by power.
func TestNVMLMixed(t *testing.T) {
	ms, err := nvmlProbe(fakeNVML(t, "-DGPUS=3 -DINIT=0 -DCOUNTER=1 -DPOWER=2"))(t.Context(), withDriver())
	if err != nil || len(ms) != 3 {
		t.Fatalf("%v, %v", ms, err)
	}
	if got, want := fmt.Sprint(ms[0].Kind(), " ", ms[0]), "power nvml (module): gpu-0 + gpu-1"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := reads(t, ms[0].Total[1]); got != 61.5 {
		t.Errorf("%v W", got)
	}
	if n := strings.Join(ms[0].Notes, "\n"); !strings.Contains(n, "gpu-2 (NVIDIA A10) meters nothing and is left out") {
		t.Error(n)
	}
}

// TestNVMLLost loses the GPU during a measurement, and closes each meter once.
func TestNVMLLost(t *testing.T) {
	ms, err := nvmlProbe(fakeNVML(t, "-DGPUS=1 -DINIT=0 -DCOUNTER=9 -DPOWER=9"))(t.Context(), withDriver())
	if err != nil || len(ms) != 1 {
		t.Fatalf("%v, %v", ms, err)
	}
	s := ms[0].Total[0]
	last := reads(t, s)
	for range 98 {
		now := reads(t, s)
		if now-last != 0.25 {
			t.Fatalf("%v J after %v", now, last)
		}
		last = now
	}
	if r, err := s.Read(t.Context()); !errors.Is(err, nvmlReturn(15)) || !strings.Contains(err.Error(), "read gpu-0: nvml: the GPU is lost") {
		t.Errorf("%v, %v", r, err)
	}
	if err := ms[0].Close(); err != nil {
		t.Error(err)
	}
	if err := ms[0].Close(); err == nil {
		t.Error("the library was still held after Close")
	}
}

// TestNVMLNoLibrary has a driver, and neither its library nor nvidia-smi.
func TestNVMLNoLibrary(t *testing.T) {
	ms, err := nvmlProbe("libassay-no-such-library.so")(t.Context(), withDriver())
	if len(ms) != 0 || err == nil || !strings.Contains(err.Error(), "libassay-no-such-library.so") || !strings.Contains(RemedyOf(err), "libnvidia-ml1") {
		t.Errorf("%v, %v", ms, err)
	}
	empty := filepath.Join(t.TempDir(), "empty.so")
	if out, err := exec.Command("cc", "-shared", "-o", empty, "-x", "c", "/dev/null").CombinedOutput(); err != nil {
		t.Skipf("no C compiler: %v %s", err, out)
	}
	if ms, err := nvmlProbe(empty)(t.Context(), withDriver()); len(ms) != 0 || err == nil || !strings.Contains(err.Error(), "nvmlInit_v2") {
		t.Errorf("a library without functions: %v, %v", ms, err)
	}
}

// TestNVMLReturn: errors of NVML are those that callers look for.
func TestNVMLReturn(t *testing.T) {
	if !errors.Is(nvmlReturn(3), errors.ErrUnsupported) || !errors.Is(nvmlReturn(4), fs.ErrPermission) || errors.Is(nvmlReturn(15), errors.ErrUnsupported) {
		t.Error("wrong")
	}
	if got := nvmlReturn(999).Error(); got != "nvml: error 999" {
		t.Error(got)
	}
}
