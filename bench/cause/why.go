package cause

import (
	"fmt"
	"slices"
	"strings"

	"assay/bench/engine"
	"assay/bench/unit"
)

// manyZeros is the share of zero weights from which they are worth a word: at
// 30 % even a kernel that skips zeros for free would gain no more than 1.4×.
const manyZeros = 0.3

// why lists the causes that the evidence shows for a class that does not pay.
func why(r *Row, nodes, before []*engine.Node, facts Facts, env Env) []string {
	if r.Word == Pays || r.Word == Gone {
		return nil
	}
	var out []string
	say := func(s string) {
		if s != "" && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	say(fallback(nodes))
	say(byThemselves(r, nodes, env.integer))
	say(unfused(nodes, facts))
	say(zerosAtFullPrice(nodes, facts, env))
	say(plainGo(nodes, before))
	if integers(nodes) && !slices.ContainsFunc(env.Features, dotProduct) {
		say("no int8 dot product (VNNI, dotprod) on this CPU")
	}
	say(memoryBound(r, nodes, env.Roof))
	return out
}

// dotProduct reports whether a CPU's feature multiplies 8-bit integers and
// adds them up in one instruction.
func dotProduct(feature string) bool {
	return slices.Contains([]string{"avx512_vnni", "avx_vnni", "asimddp"}, feature)
}

func fallback(nodes []*engine.Node) string {
	for _, n := range nodes {
		if n.Provider != "" {
			return fmt.Sprintf("fallback: %s ran on %s", n.Op, n.Provider)
		}
	}
	return ""
}

// byThemselves says what the variant has and the baseline does not; integer is
// an operator of the variant whose result is in int32, "" where it has none.
func byThemselves(r *Row, nodes []*engine.Node, integer string) string {
	if r.Word != Added {
		return ""
	}
	ops := map[string]int{}
	for _, n := range nodes {
		ops[n.Op]++
	}
	switch {
	case ops["DynamicQuantizeLinear"] > 0:
		return fmt.Sprintf("activations are quantized anew in every inference (%s)", count(ops["DynamicQuantizeLinear"], "DynamicQuantizeLinear"))
	case r.Class == "quantize" || r.Class == "dequantize":
		return fmt.Sprintf("not fused: %s by itself", count(len(nodes), nodes[0].Op))
	}
	if integer != "" && slices.Contains([]string{"Cast", "Mul", "Add"}, r.Class) {
		return fmt.Sprintf("%s leaves int32, which Cast, Mul and Add turn into floats", integer)
	}
	return fmt.Sprintf("the baseline runs no %s by itself", r.Class)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d × %s", n, what)
}

// unfused finds products that the file quantizes and the engine calculates in
// floats: their input is dequantized, and it is floats that they read.
func unfused(nodes []*engine.Node, facts Facts) string {
	n := 0
	for _, k := range nodes {
		if f, ok := facts[k.Name]; ok && f.dequantized && f.weights > 0 && k.Type == "float32" {
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("Q/DQ not fused: %d of %d calculate in float32 between DequantizeLinear and QuantizeLinear", n, len(nodes))
}

// zerosAtFullPrice finds zero weights under kernels that do not skip them.
func zerosAtFullPrice(nodes []*engine.Node, facts Facts, env Env) string {
	weights, zero := 0, 0
	var kernels []string
	for _, n := range nodes {
		f := facts[n.Name]
		if f.weights == 0 || strings.Contains(n.Kernel, "sparse") {
			continue
		}
		weights, zero = weights+f.weights, zero+f.zeros
		if n.Kernel != "" && !slices.Contains(kernels, n.Kernel) {
			kernels = append(kernels, n.Kernel)
		}
	}
	if weights == 0 || float64(zero) < manyZeros*float64(weights) {
		return ""
	}
	share := fmt.Sprintf("%.0f %% of the weights are zero", 100*float64(zero)/float64(weights))
	if env.Sparse {
		return fmt.Sprintf("below break-even: %s, and the engine chose the dense kernel (%s)", share, strings.Join(kernels, ", "))
	}
	return fmt.Sprintf("no kernel: %s, and %s multiplies them as any other", share, env.Engine)
}

// plainGo finds kernels in plain Go where the baseline ran assembly.
func plainGo(nodes, before []*engine.Node) string {
	var slow, fast []string
	for _, n := range nodes {
		if inGo(n.Kernel) && !slices.Contains(slow, n.Kernel) {
			slow = append(slow, n.Kernel)
		}
	}
	for _, n := range before {
		if n.Kernel != "" && !inGo(n.Kernel) && !slices.Contains(fast, n.Kernel) {
			fast = append(fast, n.Kernel)
		}
	}
	if slow == nil || fast == nil {
		return ""
	}
	return fmt.Sprintf("no kernel: plain Go (%s), the baseline ran %s", strings.Join(slow, ", "), strings.Join(fast, ", "))
}

// inGo reports whether a variant's last word names one of the references.
func inGo(kernel string) bool {
	last := kernel[strings.LastIndexByte(kernel, ' ')+1:]
	return strings.HasPrefix(last, "go_") || strings.HasPrefix(last, "ref_")
}

func integers(nodes []*engine.Node) bool {
	return slices.ContainsFunc(nodes, func(n *engine.Node) bool { return n.MACs != 0 && (n.Type == "int8" || n.Type == "uint8") })
}

// memoryBound says so where moving bytes takes longer than multiplying, and
// at least half of the time.
func memoryBound(r *Row, nodes []*engine.Node, roof *engine.Roof) string {
	if roof == nil || r.Variant.NS == 0 || r.Variant.Bytes < 0 {
		return ""
	}
	var multiply, move float64
	for _, n := range nodes {
		a, b := roof.Bounds(n)
		multiply, move = multiply+a, move+b
	}
	if move <= multiply || move < r.Variant.NS/2 {
		return ""
	}
	return fmt.Sprintf("memory-bound: moves %s at %.0f %% of the bandwidth", unit.Format(float64(r.Variant.Bytes), "B"), 100*min(move/r.Variant.NS, 1))
}
