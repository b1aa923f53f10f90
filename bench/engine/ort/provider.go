package ort

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"assay/bench/engine"

	ort "github.com/yalue/onnxruntime_go"
)

// A provider is one of ONNX Runtime's execution providers. The library lists
// providers that it cannot run, so whether one is there is found by appending
// it to session options.
type provider struct {
	name   string
	silent bool // appending it where it is absent prints nothing: Info may probe it
	append func(*ort.SessionOptions, engine.Options) error
}

// providers, "cpu" first: it is always there and appended by itself.
var providers = []provider{
	{"cpu", true, func(*ort.SessionOptions, engine.Options) error { return nil }},
	{"cuda", true, appendCUDA},
	{"tensorrt", true, appendTensorRT},
	{"coreml", true, func(s *ort.SessionOptions, _ engine.Options) error { return s.AppendExecutionProviderCoreMLV2(nil) }},
	{"directml", true, func(s *ort.SessionOptions, _ engine.Options) error { return s.AppendExecutionProviderDirectML(0) }},
	{"openvino", true, func(s *ort.SessionOptions, _ engine.Options) error { return s.AppendExecutionProviderOpenVINO(nil) }},
	{"xnnpack", true, appendXNNPACK},
	{"qnn", true, generic("QNN")},
	{"webgpu", false, generic("WebGPU")},
}

func generic(name string) func(*ort.SessionOptions, engine.Options) error {
	return func(s *ort.SessionOptions, _ engine.Options) error { return s.AppendExecutionProvider(name, nil) }
}

// appendXNNPACK gives XNNPACK's own pool the threads: it does not use the
// session's (onnxruntime.ai, "XNNPACK Execution Provider").
func appendXNNPACK(s *ort.SessionOptions, o engine.Options) error {
	return s.AppendExecutionProvider("XNNPACK", map[string]string{"intra_op_num_threads": strconv.Itoa(o.Threads)})
}

func appendCUDA(s *ort.SessionOptions, _ engine.Options) error {
	c, err := ort.NewCUDAProviderOptions()
	if err != nil {
		return err
	}
	return errors.Join(s.AppendExecutionProviderCUDA(c), c.Destroy())
}

func appendTensorRT(s *ort.SessionOptions, _ engine.Options) error {
	c, err := ort.NewTensorRTProviderOptions()
	if err != nil {
		return err
	}
	return errors.Join(s.AppendExecutionProviderTensorRT(c), c.Destroy())
}

// use appends the provider called o.Provider. An error wraps
// errors.ErrUnsupported where this library or device has no such provider.
func use(s *ort.SessionOptions, o engine.Options) error {
	var known []string
	for _, p := range providers {
		known = append(known, p.name)
		if p.name != o.Provider {
			continue
		}
		if err := p.append(s, o); err != nil {
			return fmt.Errorf("provider %s: %w (%w)", p.name, clean(err), errors.ErrUnsupported)
		}
		return nil
	}
	return fmt.Errorf("unknown provider %q (know %s)", o.Provider, strings.Join(known, ", "))
}

// probe returns the providers that can be appended here. What the library
// logs of those that cannot is no news and would hide a worker's last words.
func probe() []string {
	_ = ort.SetEnvironmentLogLevel(ort.LoggingLevelFatal)
	defer ort.SetEnvironmentLogLevel(ort.LoggingLevelError)
	var out []string
	for _, p := range providers {
		if !p.silent {
			continue
		}
		s, err := ort.NewSessionOptions()
		if err != nil {
			continue
		}
		if p.append(s, engine.Options{Threads: 1}) == nil {
			out = append(out, p.name)
		}
		_ = s.Destroy() // fails on options that are not there alone
	}
	return out
}
