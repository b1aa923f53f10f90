package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"assay/bench"
	"assay/bench/runner"
)

// workerCommand says how the worker of a case's engine is started: assay
// itself serves the native engine, assay-ort beside it (or on PATH) the other.
func workerCommand(c bench.Case) (runner.Command, error) {
	exe, err := os.Executable()
	if err != nil {
		return runner.Command{}, fmt.Errorf("find assay's own program: %w", err)
	}
	switch c.Engine {
	case "native":
		return runner.Command{Path: exe, Args: []string{"worker", "--engine", "native"}}, nil
	case "onnxruntime":
		path, err := findORTWorker(exe)
		return runner.Command{Path: path}, err
	}
	return runner.Command{}, fmt.Errorf("unknown engine %q (have native, onnxruntime)", c.Engine)
}

// findORTWorker looks for assay-ort beside assay, then on PATH.
func findORTWorker(exe string) (string, error) {
	name := "assay-ort"
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	beside := filepath.Join(filepath.Dir(exe), name)
	if st, err := os.Stat(beside); err == nil && st.Mode().IsRegular() {
		return beside, nil
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%s is neither beside assay nor on PATH (make build makes it): %w", name, errors.ErrUnsupported)
	}
	return path, nil
}
