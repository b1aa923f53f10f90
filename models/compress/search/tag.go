package search

import (
	"fmt"
	"strings"

	"assay/models/onnx"
)

// mark stands in a name between a layer and the number of a node beside it.
const mark = "@"

// Tag returns a copy of m, which a technique made, in which every node says in
// its name to which of layers it belongs: the layer whose result it works on,
// or, before all layers and where it quantizes for one, the layer that reads
// it. Engines keep names in profiles, and what they fuse is beside its layer.
func Tag(m *onnx.Model, layers []string) *onnx.Model {
	out := m.Clone()
	t := &tagger{g: out.Graph, by: out.Graph.Producers(), readers: out.Graph.Consumers(), layer: map[string]bool{}, owner: map[*onnx.Node]string{}}
	for _, l := range layers {
		t.layer[l] = true
	}
	for _, n := range t.g.Nodes {
		t.find(n)
	}
	for i, n := range t.g.Nodes {
		if own := t.owner[n]; own != n.Name {
			n.Name = fmt.Sprintf("%s%s%d", own, mark, i)
		}
	}
	return out
}

// Owner returns the layer that a tagged node belongs to, "" for none.
func Owner(name string) string {
	if i := strings.LastIndex(name, mark); i >= 0 {
		return name[:i]
	}
	return name
}

type tagger struct {
	g       *onnx.Graph
	by      map[string]*onnx.Node
	readers map[string][]*onnx.Node
	layer   map[string]bool
	owner   map[*onnx.Node]string
}

// find settles the owner of n; the nodes that it reads from come before it.
func (t *tagger) find(n *onnx.Node) {
	first := strings.TrimSuffix(n.Name, "_first") // the half of a layer that was split
	switch {
	case t.layer[n.Name]:
		t.owner[n] = n.Name
		return
	case t.layer[first]:
		t.owner[n] = first
		return
	case n.Op != "DynamicQuantizeLinear":
		for _, s := range n.Inputs {
			if p := t.by[s]; p != nil && t.owner[p] != "" {
				t.owner[n] = t.owner[p]
				return
			}
		}
	}
	t.owner[n] = t.ahead(n, map[*onnx.Node]bool{})
}

// ahead returns the first layer that reads what n computes.
func (t *tagger) ahead(n *onnx.Node, seen map[*onnx.Node]bool) string {
	seen[n] = true
	for _, s := range n.Outputs {
		for _, r := range t.readers[s] {
			if t.layer[r.Name] {
				return r.Name
			}
			if seen[r] {
				continue
			}
			if l := t.ahead(r, seen); l != "" {
				return l
			}
		}
	}
	return ""
}

// Bytes returns the bytes of the constants that each layer of m reads, shared
// ones once: what Profile is for the size of a file.
func Bytes(m *onnx.Model, layers []string) map[string]float64 {
	tagged := Tag(m, layers)
	out := map[string]float64{}
	for _, l := range layers {
		out[l] = 0
	}
	done := map[string]bool{}
	for _, n := range tagged.Graph.Nodes {
		for _, s := range n.Inputs {
			if c := tagged.Graph.Initializer(s); c != nil && !done[s] {
				done[s] = true
				out[Owner(n.Name)] += float64(len(c.Data))
			}
		}
	}
	delete(out, "")
	return out
}
