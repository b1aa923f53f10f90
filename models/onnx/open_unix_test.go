//go:build unix

package onnx

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestPipe opens a named pipe, which would block, as a model and as its data.
func TestPipe(t *testing.T) {
	dir := t.TempDir()
	pipe, path := filepath.Join(dir, "pipe"), filepath.Join(dir, "m.onnx")
	if err := syscall.Mkfifo(pipe, 0o644); err != nil {
		t.Fatal(err)
	}
	write(t, path, withExternal("pipe"))
	for _, name := range []string{pipe, path} {
		if _, err := Open(name); err == nil || !strings.Contains(err.Error(), "it is not a regular file") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
