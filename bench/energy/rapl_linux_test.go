package energy

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"assay/bench/host"
)

// TestRAPLLinks lays the tree out as Linux does: the zones of the class are
// links to devices, nested ones within their parents. Then a container hides
// the devices.
func TestRAPLLinks(t *testing.T) {
	root := t.TempDir()
	const devices = "sys/devices/virtual/powercap"
	for path, text := range map[string]string{
		"intel-rapl:0/name": "package-0", "intel-rapl:0/energy_uj": "5000000", "intel-rapl:0/max_energy_range_uj": "262143328850",
		"intel-rapl:0/intel-rapl:0:0/name": "dram", "intel-rapl:0/intel-rapl:0:0/energy_uj": "2000000", "intel-rapl:0/intel-rapl:0:0/max_energy_range_uj": "65712999613",
	} {
		f := filepath.Join(root, devices, "intel-rapl", path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(f), 0o777), os.WriteFile(f, []byte(text+"\n"), 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	class := filepath.Join(root, "sys/class/powercap")
	if err := os.MkdirAll(class, 0o777); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"intel-rapl": "", "intel-rapl:0": "/intel-rapl:0", "intel-rapl:0:0": "/intel-rapl:0/intel-rapl:0:0"} {
		if err := os.Symlink("../../devices/virtual/powercap/intel-rapl"+to, filepath.Join(class, name)); err != nil {
			t.Fatal(err)
		}
	}
	env := inTree(nil)
	env.System = host.System{FS: os.DirFS(root)}
	m := probes(t, raplProbe(noPerf), env)
	if got, want := m.String(), "rapl (package): package-0 + package-0/dram"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := reads(t, m.Total[0]) + reads(t, m.Total[1]); got != 7 {
		t.Errorf("%v J, want 7", got)
	}
	if err := os.RemoveAll(filepath.Join(root, devices)); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Total[0].Read(t.Context()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a counter that has vanished: %v", err)
	}
	if ms, err := raplProbe(noPerf)(t.Context(), env); len(ms) != 0 || RemedyOf(err) != hiddenRemedy {
		t.Errorf("hidden: %v, %v", ms, err)
	}
}
