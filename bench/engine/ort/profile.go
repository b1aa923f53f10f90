package ort

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"assay/bench/engine"
	"assay/models/onnx"
)

// Profile implements engine.Profiler by a second session of the same file that
// ONNX Runtime's profiler watches: it must be asked for when a session is
// made, and the one that is measured should not pay for it. The whole
// inference is timed on this session, between those of the other.
func (s *session) Profile(runs int) (_ engine.Profile, err error) {
	if runs < 1 {
		return engine.Profile{}, fmt.Errorf("profile of %d runs", runs)
	}
	if len(s.sets) == 0 {
		return engine.Profile{}, errors.New("profile: nothing is bound")
	}
	dir, err := os.MkdirTemp("", "assay-profile-")
	if err != nil {
		return engine.Profile{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	whole, err := s.watch(filepath.Join(dir, "profile"), runs)
	if err != nil {
		return engine.Profile{}, fmt.Errorf("profile: %w", err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "profile*.json"))
	if err != nil || len(files) != 1 {
		return engine.Profile{}, fmt.Errorf("profile: ONNX Runtime wrote %d files, one was wanted", len(files))
	}
	t, err := readTrace(files[0])
	if err != nil {
		return engine.Profile{}, err
	}
	nodes, err := s.nodes(t)
	if err != nil {
		return engine.Profile{}, err
	}
	slices.Sort(whole)
	return engine.Profile{Runs: runs, NS: float64(whole[len(whole)/2]), Resolution: 500, Nodes: nodes}, nil
}

// watch runs this session and a profiled one in turns and returns the times
// of this one, in ns. The profiled one's first run is an extra one, since it
// is cold. Successive runs have successive inputs. Its trace is written when it
// is closed.
func (s *session) watch(prefix string, runs int) (whole []int64, err error) {
	p, err := open(s.library, s.artifact, s.options, prefix)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	if err := p.Bind(s.sets, s.bound); err != nil {
		return nil, err
	}
	if err := p.Run(0); err != nil {
		return nil, err
	}
	for i := range runs {
		start := time.Now()
		if err := s.Run(2 * i % len(s.sets)); err != nil {
			return nil, err
		}
		whole = append(whole, int64(time.Since(start)))
		if err := p.Run((2*i + 1) % len(s.sets)); err != nil {
			return nil, err
		}
	}
	return whole, nil
}

func readTrace(name string) (*trace, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return parseTrace(f)
}

// nodes describes the nodes of a trace.
func (s *session) nodes(t *trace) (_ []engine.Node, err error) {
	m, err := onnx.Open(s.artifact.Path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	src := newSource(m.Graph)
	var out []engine.Node
	for i := range t.nodes {
		n := &t.nodes[i]
		d := engine.Node{Name: n.name, Op: n.op, Type: n.typ(), NS: n.ns(t.runs), Bytes: n.bytes}
		if want := providerNames[s.options.Provider]; want != "" && n.provider != "" && n.provider != want {
			d.Provider = n.provider
		}
		src.describe(&d, n)
		out = append(out, d)
	}
	return out, nil
}

// providerNames are ONNX Runtime's names of the providers (onnxruntime's
// include/onnxruntime/core/graph/constants.h).
var providerNames = map[string]string{
	"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider", "tensorrt": "TensorrtExecutionProvider",
	"coreml": "CoreMLExecutionProvider", "directml": "DmlExecutionProvider", "openvino": "OpenVINOExecutionProvider",
	"xnnpack": "XnnpackExecutionProvider", "qnn": "QNNExecutionProvider", "webgpu": "WebGpuExecutionProvider",
}
