package main

import (
	"path/filepath"

	"assay/bench"
	"assay/bench/engine/ortlib"
	"assay/bench/host"
	"assay/bench/runner"
	"assay/bench/sandbox"
)

// confine returns all that the worker of a job's case may see: its program,
// its runtime's library and its model.
func confine(cmd runner.Command, c bench.Case) *sandbox.Sandbox {
	s := &sandbox.Sandbox{Read: []string{cmd.Path, c.Artifact.Path}}
	if c.Engine == "onnxruntime" {
		if lib, err := ortlib.Find(); err == nil {
			s.Read = append(s.Read, filepath.Dir(lib)) // and what it loads itself
		}
	}
	return s
}

// sandboxItem says what the workers of an agent's jobs are kept from.
func sandboxItem() host.Item {
	have := sandbox.Here()
	i := host.Item{Name: "sandbox", State: host.Good, Detail: "workers of jobs from a hub are kept from: " + have.String()}
	if have.Why != "" {
		i.State, i.Detail = host.Warn, i.Detail+" ("+have.Why+")"
		i.Remedy = "let the agent run models of people whom you trust, or use a kernel with Landlock (5.13 or newer, lsm=landlock)"
	}
	return i
}
