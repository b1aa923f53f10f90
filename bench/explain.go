package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"assay/models/onnx"
	"assay/models/tensor"
)

// Explainer returns a Setup.Explain for a device with these CPU features: a
// candidate that is not faster than its baseline is told so, with what its
// file and the CPU say about the cause. It guesses nothing: a cause is named
// only where its evidence is in the file, the engine or the CPU.
func Explainer(features []string) func(*GroupResult, *CaseResult) []string {
	return func(g *GroupResult, c *CaseResult) []string {
		if s, ok := c.Speedup(); !ok || s.Low > 1 {
			return nil
		}
		m, err := onnx.Open(c.Artifact.Path)
		if err != nil {
			return nil
		}
		defer m.Close()
		note := fmt.Sprintf("%s does not pay on %s", c.Variant, c.Engine)
		if causes := causes(factsOf(m), c.Engine, features); len(causes) > 0 {
			note += ": " + strings.Join(causes, "; ")
		}
		return []string{note + ". See: assay why " + whyArgs(g, c)}
	}
}

// whyArgs names the candidate for assay why: by model and variant, or by files
// where there is no suite to look them up in.
func whyArgs(g *GroupResult, c *CaseResult) string {
	if c.Suite != "" || len(g.Cases) == 0 {
		return c.Model + " " + c.Variant
	}
	return near(g.Cases[0].Artifact.Path) + " " + near(c.Artifact.Path)
}

// near returns a path as seen from the working directory where it lies below
// it, in quotes where a shell would cut it.
func near(path string) string {
	if wd, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(wd, path); err == nil && filepath.IsLocal(rel) {
			path = rel
		}
	}
	if strings.ContainsAny(path, " \t'\"$&;()*?") {
		return strconv.Quote(path)
	}
	return path
}

// facts are what a model's file tells about its compression.
type facts struct {
	zeros       float64 // share of zero weights
	quantized   int     // DequantizeLinear, QLinear and Integer nodes
	dynamic     int     // DynamicQuantizeLinear
	convInteger int
}

func factsOf(m *onnx.Model) facts {
	var f facts
	var zero, all int
	for _, t := range m.Graph.Initializers {
		if len(t.Shape) < 2 || t.Type != tensor.Float32 {
			continue
		}
		for _, v := range tensor.Of[float32](t.Tensor) {
			all++
			if v == 0 {
				zero++
			}
		}
	}
	if all > 0 {
		f.zeros = float64(zero) / float64(all)
	}
	for _, n := range m.Graph.Nodes {
		switch {
		case n.Op == "DynamicQuantizeLinear":
			f.dynamic++
		case n.Op == "ConvInteger":
			f.convInteger++
			f.quantized++
		case strings.HasPrefix(n.Op, "QLinear"), n.Op == "MatMulInteger", n.Op == "DequantizeLinear":
			f.quantized++
		}
	}
	return f
}

// causes names why a compression does not pay, strongest first.
func causes(f facts, engine string, features []string) []string {
	var out []string
	if f.zeros >= 0.5 && engine != "native" {
		out = append(out, fmt.Sprintf("it runs zeros at full price (%.0f %% of the weights are zero, and %s has no sparse kernels)", 100*f.zeros, engine))
	}
	if f.dynamic > 0 {
		out = append(out, fmt.Sprintf("activations are quantized anew in every inference (%s)", count(f.dynamic, "DynamicQuantizeLinear node")))
	}
	if f.convInteger > 0 && engine != "native" { // which does them with the sums
		out = append(out, fmt.Sprintf("%s with Cast, Mul and Add of their own", count(f.convInteger, "ConvInteger node")))
	}
	if f.quantized > 0 {
		out = append(out, int8Causes(engine, features)...)
	}
	return out
}

// int8Causes names what this CPU lacks for fast products of int8.
func int8Causes(engine string, features []string) []string {
	switch {
	case engine != "native" && !hasAny(features, "avx512_vnni", "avx_vnni", "asimddp"):
		return []string{"this CPU has no int8 dot product (VNNI, dotprod)"}
	case engine != "native" || hasAny(features, "avx512_vnni"):
		return nil
	case hasAny(features, "avx2"):
		return []string{"this CPU has no AVX-512 VNNI, without which native multiplies int8 as int16 (AVX2)"}
	}
	return []string{"native's int8 kernels are plain Go on this CPU (it has assembly for AVX2 and AVX-512 VNNI)"}
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func hasAny(have []string, want ...string) bool {
	return slices.ContainsFunc(want, func(w string) bool { return slices.Contains(have, w) })
}
