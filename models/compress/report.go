package compress

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"

	"assay/models/onnx"
)

// A Report says what a technique did, node by node.
type Report struct {
	Technique     string
	Nodes         []NodeReport  // in graph order, after folding
	Values        []ValueReport // quantized activations, in graph order
	Samples       int           // calibration inputs seen, batch rows counted
	Before, After int64         // bytes of the whole file
	Warnings      []error       // reasons to doubt the result
	Steps         []*Report     // of a combination: what each technique did

	// Of the model's outputs on calibration data, where Compare was called:
	Compared bool
	Output   float64 // SQNR against the baseline's, in dB
}

// A NodeReport tells what became of one node.
type NodeReport struct {
	Name    string // or its first output, where it has no name
	Op      string
	Changed bool
	Reason  string // why it was left alone, or what else was done to it

	// Of its weights, where it has some and they were changed:
	SQNR          float64 // 20·log₁₀(‖w‖ / ‖w − ŵ‖) in dB; +Inf where nothing is lost
	Sparsity      float64 // share of zeros in ŵ
	Before, After int64   // bytes, scales, zero points and bias included

	// Of its output on calibration data, where Compare was called and the
	// output is still there:
	Compared bool
	Output   float64 // SQNR against the baseline's, in dB
}

// A ValueReport tells how one activation is represented.
type ValueReport struct {
	Name      string
	Low, High float64 // the range that integers cover
	Scale     float32
	Zero      int
	Clipped   float64 // share of the calibration values outside that range
}

func (r *Report) warn(format string, args ...any) {
	r.Warnings = append(r.Warnings, fmt.Errorf(format, args...))
}

// float notes that n stays float.
func (r *Report) float(n *onnx.Node, format string, args ...any) {
	reason := fmt.Sprintf(format, args...)
	for _, a := range n.Attrs {
		if a.G != nil || a.Graphs != nil {
			reason = "it holds a subgraph, which is left as it is"
		}
	}
	r.Nodes = append(r.Nodes, NodeReport{Name: label(n), Op: n.Op, Reason: reason})
}

// Idle says why nothing at all was changed, "" where something was: the reason
// of a node that holds a subgraph, else of one that could have weights, else
// of any.
func (r *Report) Idle() string {
	why, rank := "it has no nodes", 0
	steps := r.Steps
	if steps == nil {
		steps = []*Report{r}
	}
	for _, s := range steps {
		for _, n := range s.Nodes {
			if n.Changed {
				return ""
			}
			k := 1
			if strings.Contains(n.Reason, "subgraph") {
				k = 3
			} else if roles[n.Op] == weighted {
				k = 2
			}
			if n.Reason != "" && k > rank {
				why, rank = fmt.Sprintf("%s %q: %s", n.Op, n.Name, n.Reason), k
			}
		}
	}
	return why
}

// Left returns the nodes left float; of a combination, by its last step.
func (r *Report) Left() []NodeReport {
	var out []NodeReport
	if n := len(r.Steps); n > 0 {
		return r.Steps[n-1].Left()
	}
	for _, n := range r.Nodes {
		if !n.Changed {
			out = append(out, n)
		}
	}
	return out
}

// WriteTo prints the report as a table.
func (r *Report) WriteTo(w io.Writer) (int64, error) {
	c := &counter{w: w}
	if r.Steps != nil {
		return r.writeSteps(c)
	}
	t := tabwriter.NewWriter(c, 0, 4, 2, ' ', 0)
	fmt.Fprintf(t, "%s: %d bytes, was %d (%.2f×)", r.Technique, r.After, r.Before, float64(r.After)/float64(max(r.Before, 1)))
	if r.Samples > 0 {
		fmt.Fprintf(t, ", calibrated on %d samples", r.Samples)
	}
	if r.Compared {
		fmt.Fprintf(t, ", outputs keep %s", Decibels(r.Output))
	}
	fmt.Fprint(t, "\nop\tnode\tchanged\tweight SQNR\toutput SQNR\tzeros\tbytes\t\n")
	for _, n := range r.Nodes {
		sqnr, output, zeros, bytes := "", "", "", ""
		if n.Compared {
			output = Decibels(n.Output)
		}
		if n.Before > 0 {
			sqnr = Decibels(n.SQNR)
			zeros, bytes = fmt.Sprintf("%.1f %%", 100*n.Sparsity), fmt.Sprintf("%d → %d", n.Before, n.After)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", n.Op, n.Name, map[bool]string{true: "yes", false: "no"}[n.Changed], sqnr, output, zeros, bytes, n.Reason)
	}
	if err := t.Flush(); err != nil {
		return c.n, err
	}
	for _, v := range r.Values {
		if v.Clipped > 0 {
			fmt.Fprintf(c, "%s: %.4f %% of the calibration values clipped\n", v.Name, 100*v.Clipped)
		}
	}
	for _, err := range r.Warnings {
		fmt.Fprintf(c, "! %v\n", err)
	}
	return c.n, c.err
}

// Decibels prints a ratio; one without noise is exact.
func Decibels(v float64) string {
	if math.IsInf(v, 1) {
		return "exact"
	}
	return fmt.Sprintf("%.1f dB", v)
}

// writeSteps prints a combination: a line for the whole, then each step.
func (r *Report) writeSteps(c *counter) (int64, error) {
	fmt.Fprintf(c, "%s: %d bytes, was %d (%.2f×)\n", r.Technique, r.After, r.Before, float64(r.After)/float64(max(r.Before, 1)))
	for _, s := range r.Steps {
		if _, err := s.WriteTo(c); err != nil {
			return c.n, err
		}
	}
	return c.n, c.err
}

// counter counts what is written through it and keeps the first error.
type counter struct {
	w   io.Writer
	n   int64
	err error
}

func (c *counter) Write(b []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.w.Write(b)
	c.n, c.err = c.n+int64(n), err
	return n, err
}

// label returns n's name, or its first output where it has none.
func label(n *onnx.Node) string {
	if n.Name != "" || len(n.Outputs) == 0 {
		return n.Name
	}
	return n.Outputs[0]
}
