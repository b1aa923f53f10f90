package compress

import (
	"fmt"
	"io"
	"math"
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
}

// A NodeReport tells what became of one node.
type NodeReport struct {
	Name      string // or its first output, where it has no name
	Op        string
	Quantized bool
	Reason    string // why it was left float, or what else was done to it

	// Of its weights, where it has some and is quantized:
	SQNR          float64 // 20·log₁₀(‖w‖ / ‖w − ŵ‖) in dB; +Inf where nothing is lost
	Sparsity      float64 // share of zeros in ŵ
	Before, After int64   // bytes, scales, zero points and bias included
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
	r.Nodes = append(r.Nodes, NodeReport{Name: label(n), Op: n.Op, Reason: fmt.Sprintf(format, args...)})
}

// Left returns the nodes left float.
func (r *Report) Left() []NodeReport {
	var out []NodeReport
	for _, n := range r.Nodes {
		if !n.Quantized {
			out = append(out, n)
		}
	}
	return out
}

// WriteTo prints the report as a table.
func (r *Report) WriteTo(w io.Writer) (int64, error) {
	c := &counter{w: w}
	t := tabwriter.NewWriter(c, 0, 4, 2, ' ', 0)
	fmt.Fprintf(t, "%s: %d bytes, was %d (%.2f×)", r.Technique, r.After, r.Before, float64(r.After)/float64(max(r.Before, 1)))
	if r.Samples > 0 {
		fmt.Fprintf(t, ", calibrated on %d samples", r.Samples)
	}
	fmt.Fprint(t, "\nop\tnode\tinteger\tweight SQNR\tzeros\tbytes\t\n")
	for _, n := range r.Nodes {
		sqnr, zeros, bytes := "", "", ""
		if n.Before > 0 {
			sqnr = fmt.Sprintf("%.1f dB", n.SQNR)
			if math.IsInf(n.SQNR, 1) {
				sqnr = "exact"
			}
			zeros, bytes = fmt.Sprintf("%.1f %%", 100*n.Sparsity), fmt.Sprintf("%d → %d", n.Before, n.After)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", n.Op, n.Name, map[bool]string{true: "yes", false: "no"}[n.Quantized], sqnr, zeros, bytes, n.Reason)
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
