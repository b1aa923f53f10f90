package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"assay/agents"
	"assay/agents/agent"
	"assay/bench/host"
)

// TestForeignSuites: a suite that came from the hub starts no program of its
// own choosing and opens no file of the device; it is refused, with the reason.
func TestForeignSuites(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret.yaml")
	if err := os.WriteFile(secret, []byte("password: swordfish\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const rest = "    task: fashion-mnist\n    models: [resnet8]\n    variants: [baseline]\n"
	for name, c := range map[string]struct{ document, want string }{
		"a runner of its own":    {"suites:\n  s:\n    engines: [/bin/sh]\n" + rest, "want a name of letters"},
		"a runner unheard of":    {"suites:\n  s:\n    engines: [evil]\n" + rest, `unknown engine "evil"`},
		"a runner's command":     {"suites:\n  s:\n    engines: [{name: mine, command: [sh, -c, id]}]\n" + rest, ""},
		"a key for a command":    {"suites:\n  s:\n    command: sh\n" + rest, "command"},
		"a meter command":        {"suites:\n  s:\n    energy: {meter: 'sh -c id'}\n" + rest, "unknown meter"},
		"an operators' library":  {"suites:\n  s:\n    libraries: [/tmp/evil.so]\n" + rest, "libraries"},
		"an include of a file":   {"include: [" + secret + "]\nsuites:\n  s:\n" + rest, "includes no files"},
		"an include upwards":     {"include: [../../etc/passwd]\nsuites:\n  s:\n" + rest, "includes no files"},
		"a model elsewhere":      {"suites:\n  s:\n    task: fashion-mnist\n    models: [{name: m, baseline: " + secret + "}]\n", "names files beside it alone"},
		"a model above":          {"suites:\n  s:\n    task: fashion-mnist\n    models: [{name: m, baseline: ../agent.json}]\n", "names files beside it alone"},
		"a model without a sum":  {"suites:\n  s:\n    task: fashion-mnist\n    models: [{name: m, baseline: beside.onnx}]\n", "where the job was made"},
		"no suite of that name":  {"suites:\n  other:\n" + rest, "unknown suite"},
		"nonsense":               {"\x00\x01", ""},
		"a pickle for a variant": {"suites:\n  s:\n    task: fashion-mnist\n    models: [{name: m, baseline: beside.pkl}]\n", "beside.pkl"},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "job.yaml")
		for file, text := range map[string]string{"job.yaml": c.document, "beside.onnx": "x", "beside.pkl": "x"} {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		b := &jobBench{device: host.Device{ID: "a", Class: "pi"}}
		_, _, err := b.Run(t.Context(), agent.Task{Job: agents.Job{ID: "d-1", Suite: "s", Document: c.document}, Path: path, Say: func(string) {}})
		if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "swordfish") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
