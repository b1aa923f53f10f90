package cause

import (
	"testing"

	"assay/bench/engine"
)

// TestMerge: times are medians over visits, node by node.
func TestMerge(t *testing.T) {
	var taken []engine.Profile
	for _, ns := range []float64{9, 1, 3, 2} {
		taken = append(taken, engine.Profile{NS: 10 * ns, Nodes: []engine.Node{{Op: "Conv", NS: ns}, {Op: "Add", NS: 5}}})
	}
	p := merge(taken)
	if p.NS != 25 || p.Nodes[0].NS != 2.5 || p.Nodes[1].NS != 5 || taken[0].Nodes[0].NS != 9 {
		t.Errorf("merged %+v, first visit %+v", p, taken[0])
	}
}
