package main

import (
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"assay/bench/engine/ortlib"
)

// newest is the glibc of JetPack 5 and of Raspberry Pi OS bullseye.
var newest = [2]int{2, 31}

// TestGlibc: what make cross has built needs nothing that is newer than glibc
// 2.31, and starts here where it is for this system. Sizes and times are logged.
func TestGlibc(t *testing.T) {
	built, err := filepath.Glob("../../dist/linux/*/assay-ort")
	if err != nil {
		t.Fatal(err)
	}
	if len(built) == 0 {
		t.Skip("make cross has not been here")
	}
	for _, path := range built {
		arch := filepath.Base(filepath.Dir(path))
		t.Run(arch, func(t *testing.T) {
			need := required(t, path)
			for symbol, v := range need {
				if v[0] > newest[0] || v[0] == newest[0] && v[1] > newest[1] {
					t.Errorf("%s is of glibc %d.%d, newer than %d.%d: glibc231.h must name it", symbol, v[0], v[1], newest[0], newest[1])
				}
			}
			// Without versions the loader would take any; without these
			// libraries it would not find the functions before 2.34.
			if need["pthread_create"] == [2]int{} || need["__libc_start_main"] == [2]int{} {
				t.Errorf("no version is bound: %v", need)
			}
			st, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%s: %.1f MB, %s", path, float64(st.Size())/1e6, starts(t, path, arch))
		})
	}
}

// required returns the version of glibc that each function of an executable
// asks for, and checks that it names the libraries of before 2.34.
func required(t *testing.T, path string) map[string][2]int {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	libs, err := f.ImportedLibraries()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"libc.so.6", "libpthread.so.0", "libdl.so.2"} {
		if !strings.Contains(" "+strings.Join(libs, " ")+" ", " "+want+" ") {
			t.Errorf("needs %v, not %s", libs, want)
		}
	}
	all, err := f.ImportedSymbols()
	if err != nil {
		t.Fatal(err)
	}
	need := map[string][2]int{}
	for _, s := range all {
		if v, ok := strings.CutPrefix(s.Version, "GLIBC_"); ok {
			var n [2]int
			if _, err := fmt.Sscanf(v, "%d.%d", &n[0], &n[1]); err != nil {
				t.Errorf("%s has version %s", s.Name, s.Version)
			}
			need[s.Name] = n
		}
	}
	return need
}

// starts says how long an executable takes to open ONNX Runtime and to end.
func starts(t *testing.T, path, arch string) string {
	if runtime.GOOS != "linux" || arch != runtime.GOARCH {
		return "not for this system"
	}
	if _, err := ortlib.Find(); err != nil {
		return err.Error()
	}
	least := time.Hour
	for range 5 {
		began := time.Now()
		out, err := exec.Command(path, "--version").CombinedOutput()
		if err != nil || !strings.HasPrefix(string(out), "onnxruntime ") {
			t.Fatalf("%s --version: %v, %s", path, err, out)
		}
		least = min(least, time.Since(began))
	}
	return fmt.Sprintf("starts, opens ONNX Runtime and ends in %v", least.Round(time.Millisecond))
}
