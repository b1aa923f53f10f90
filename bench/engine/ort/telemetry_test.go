package ort

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"assay/bench/engine/ortlib"
)

// TestHomeProcess is the body of a second process, not a test of its own.
func TestHomeProcess(t *testing.T) {
	if os.Getenv("ASSAY_TEST_HOME") == "" {
		t.Skip("runs only as a child of TestNothingIsWritten")
	}
	need(t)
}

// TestNothingIsWritten: a process that loads ONNX Runtime leaves nothing in
// its user's folders. Its telemetry keeps a database there otherwise.
func TestNothingIsWritten(t *testing.T) {
	lib, err := ortlib.Find()
	if err != nil {
		t.Skip(err)
	}
	home := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestHomeProcess$", "-test.count=1", "-test.v")
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "XDG_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "ASSAY_TEST_HOME=1", "HOME="+home, "ASSAY_ONNXRUNTIME="+lib)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestHomeProcess") {
		t.Fatalf("%v: %s", err, out)
	}
	err = filepath.WalkDir(home, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			t.Errorf("it leaves %s", strings.TrimPrefix(path, home))
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
