package ort

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"assay/models/tensor"
)

// A trace is what ONNX Runtime's profiler wrote, a file in the format of
// Chrome's tracing: an array of events (onnxruntime.ai, "Profiling Tools").
type trace struct {
	runs  int // inferences
	nodes []traced
}

// A traced node is one node of the optimised graph.
type traced struct {
	name, op, provider string
	in, out            []shaped
	bytes              int64 // activations, parameters and outputs; −1 unknown
	us                 []int64
}

type shaped struct {
	typ   string
	shape []int64
}

// event is the part of an event that is read. Numbers of args are strings.
type event struct {
	Cat  string `json:"cat"`
	Name string `json:"name"`
	Dur  int64  `json:"dur"` // µs, cut off
	Args struct {
		Op         string               `json:"op_name"`
		Provider   string               `json:"provider"`
		Index      string               `json:"node_index"`
		In         []map[string][]int64 `json:"input_type_shape"`
		Out        []map[string][]int64 `json:"output_type_shape"`
		Activation string               `json:"activation_size"`
		Parameter  string               `json:"parameter_size"`
		Output     string               `json:"output_size"`
	} `json:"args"`
}

const nodeEvent = "_kernel_time" // suffix of the events that hold a kernel's time

// parseTrace reads the events of one session.
func parseTrace(r io.Reader) (*trace, error) {
	d := json.NewDecoder(r)
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return nil, fmt.Errorf("profile of ONNX Runtime: it is no array of events")
	}
	t, at := &trace{}, map[string]int{}
	for d.More() {
		var e event
		if err := d.Decode(&e); err != nil {
			return nil, fmt.Errorf("profile of ONNX Runtime: event at byte %d: %w", d.InputOffset(), err)
		}
		name, timed := strings.CutSuffix(e.Name, nodeEvent)
		switch {
		case e.Cat == "Session" && e.Name == "model_run":
			t.runs++
		case e.Cat == "Node" && timed && e.Dur >= 0:
			key := e.Args.Index + " " + name
			i, known := at[key]
			if !known {
				i = len(t.nodes)
				at[key] = i
				t.nodes = append(t.nodes, newTraced(name, &e))
			}
			t.nodes[i].us = append(t.nodes[i].us, e.Dur)
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, fmt.Errorf("profile of ONNX Runtime: the file is cut off: %w", err)
	}
	return t, nil
}

func newTraced(name string, e *event) traced {
	n := traced{name: name, op: e.Args.Op, provider: e.Args.Provider, in: shapes(e.Args.In), out: shapes(e.Args.Out)}
	for _, s := range []string{e.Args.Activation, e.Args.Parameter, e.Args.Output} {
		v, err := strconv.ParseInt(s, 10, 64)
		if err != nil || v < 0 || n.bytes+v < n.bytes {
			n.bytes = -1
			break
		}
		n.bytes += v
	}
	return n
}

// shapes reads [{"float": [1, 16]}, …].
func shapes(list []map[string][]int64) []shaped {
	var out []shaped
	for _, m := range list {
		s := shaped{}
		for typ, dims := range m { // one entry
			s = shaped{typ, dims}
		}
		out = append(out, s)
	}
	return out
}

// element names of the trace that differ from ours.
var traceTypes = map[string]string{"float": "float32", "double": "float64"}

// typ returns the element type of the first input, "" where there is none.
func (n *traced) typ() string {
	if len(n.in) == 0 {
		return ""
	}
	t := n.in[0].typ
	if own := traceTypes[t]; own != "" {
		return own
	}
	return t
}

// elements returns the product of s's dimensions, −1 where it is not known.
func (s *shaped) elements() int64 {
	var dims []int
	for _, d := range s.shape {
		dims = append(dims, int(d))
	}
	n, err := tensor.Elements(dims)
	if err != nil {
		return -1
	}
	return int64(n)
}

// ns returns the node's time per inference: the mean of the middle half of
// its inferences, the first one left out, which is cold. The trace cuts
// durations off to whole µs, so half a µs is added for each.
func (n *traced) ns(runs int) float64 {
	if runs < 1 || len(n.us) < runs {
		return 0
	}
	calls := len(n.us) / runs // above 1 in the body of a loop
	sums := make([]int64, runs)
	for i := range runs {
		for _, v := range n.us[i*calls:][:calls] {
			sums[i] += v
		}
	}
	if runs > 1 {
		sums = sums[1:]
	}
	slices.Sort(sums)
	middle := sums[len(sums)/4 : len(sums)-len(sums)/4]
	sum := 0.0
	for _, v := range middle {
		sum += float64(v)
	}
	return 1000 * (sum/float64(len(middle)) + 0.5*float64(calls))
}
