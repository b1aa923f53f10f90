package onnx

import (
	"errors"
	"fmt"

	"assay/models/tensor"
)

// Versions that Check accepts: IR version 3 is ONNX 1.0, 11 is ONNX 1.18;
// operator set 7 is ONNX 1.2, the oldest that ONNX Runtime promises to run,
// and 23 is ONNX 1.18.
const (
	MinIR, MaxIR       = 3, 11
	MinOpset, MaxOpset = 7, 23
)

// ErrUnsorted is wrapped by Check's error about a graph whose nodes are
// merely out of order: Sort mends it.
var ErrUnsorted = errors.New("nodes are not in topological order")

// Load opens the model in file name, sorts its nodes where they are out of
// order and checks it. Close the model after use.
func Load(name string) (*Model, error) {
	m, err := Open(name)
	if err != nil {
		return nil, err
	}
	if err = Check(m); errors.Is(err, ErrUnsorted) {
		if err = Sort(m.Graph); err == nil {
			err = Check(m)
		}
	}
	if err != nil {
		_ = m.Close() // the first error is the one to tell
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return m, nil
}

// Check reports the first fault of m's structure: versions out of range,
// names that are defined twice or not at all, nodes out of order (wrapping
// ErrUnsorted) or in a cycle, data that do not fit their shapes. It does not
// know operators: see InferShapes.
func Check(m *Model) error {
	if m == nil || m.Graph == nil {
		return errors.New("model has no graph")
	}
	if m.IRVersion < MinIR || m.IRVersion > MaxIR {
		return fmt.Errorf("IR version %d is not known (%d to %d are)", m.IRVersion, MinIR, MaxIR)
	}
	if len(m.Opsets) == 0 {
		return errors.New("model imports no operator set")
	}
	domains := map[string]bool{}
	for _, o := range m.Opsets {
		d := domain(o.Domain)
		switch {
		case domains[d]:
			return fmt.Errorf("operator set of domain %q is imported twice", o.Domain)
		case d == "" && (o.Version < MinOpset || o.Version > MaxOpset):
			return fmt.Errorf("operator set %d is not known (%d to %d are): %w", o.Version, MinOpset, MaxOpset, errors.ErrUnsupported)
		case o.Version < 1:
			return fmt.Errorf("operator set of domain %q has version %d", o.Domain, o.Version)
		}
		domains[d] = true
	}
	if len(m.Graph.Outputs) == 0 {
		return errors.New("graph has no output")
	}
	return (&checker{domains: domains}).graph(m.Graph, nil)
}

// domain returns the canonical name of an operator domain.
func domain(s string) string {
	if s == "ai.onnx" {
		return ""
	}
	return s
}

type checker struct {
	domains map[string]bool
	depth   int
}

// A scope holds the names that a graph defines, inside the graphs around it.
type scope struct {
	names map[string]bool
	outer *scope
}

func (s *scope) has(name string) bool {
	for ; s != nil; s = s.outer {
		if s.names[name] {
			return true
		}
	}
	return false
}

// graph checks g; outer holds what the graphs around it define.
func (c *checker) graph(g *Graph, outer *scope) error {
	if c.depth++; c.depth > maxDepth {
		return fmt.Errorf("graphs are nested more than %d deep", maxDepth)
	}
	defer func() { c.depth-- }()
	from, err := c.sources(g)
	if err != nil {
		return err
	}
	made := map[string]int{} // by which node
	for i, n := range g.Nodes {
		if err := c.node(n); err != nil {
			return at(n.place(i), err)
		}
		for k, s := range n.Outputs {
			if s == "" {
				continue
			}
			if j, ok := made[s]; ok {
				return fmt.Errorf("%s: output %d %q is also an output of %s", n.place(i), k, s, g.Nodes[j].place(j))
			}
			if from[s] {
				return fmt.Errorf("%s: output %d %q is also a graph input or initializer", n.place(i), k, s)
			}
			made[s] = i
		}
	}
	all := &scope{names: from, outer: outer}
	for s := range made {
		from[s] = true
	}
	if err := c.edges(g, all, made); err != nil {
		return err
	}
	for i, v := range g.Outputs {
		if !all.has(v.Name) {
			return fmt.Errorf("graph output %d %q is not defined: no node, initializer or graph input has this name", i, v.Name)
		}
	}
	return nil
}

// sources returns the names of g's inputs and initializers.
func (c *checker) sources(g *Graph) (map[string]bool, error) {
	from := map[string]bool{}
	for i, v := range g.Inputs {
		if v.Name == "" {
			return nil, fmt.Errorf("graph input %d has no name", i)
		}
		if from[v.Name] {
			return nil, fmt.Errorf("graph input %q is listed twice", v.Name)
		}
		from[v.Name] = true
	}
	seen := map[string]bool{}
	for i, t := range g.Initializers {
		if t.Name == "" {
			return nil, fmt.Errorf("initializer %d has no name", i)
		}
		if seen[t.Name] {
			return nil, fmt.Errorf("initializer %q is defined twice", t.Name)
		}
		if err := valid(t.Tensor); err != nil {
			return nil, fmt.Errorf("initializer %q: %w", t.Name, err)
		}
		seen[t.Name], from[t.Name] = true, true
	}
	return from, nil
}

// valid is tensor.Check for what an ONNX file can hold: strings too.
func valid(t tensor.Tensor) error {
	if t.Type == tensor.String {
		return encodable(t)
	}
	return t.Check()
}

// node checks what can be said of n alone.
func (c *checker) node(n *Node) error {
	if n.Op == "" {
		return errors.New("op_type is empty")
	}
	if d := domain(n.Domain); !c.domains[d] {
		return fmt.Errorf("%s: the model imports no operator set of domain %q", n.Op, d)
	}
	seen := map[string]bool{}
	for i := range n.Attrs {
		a := &n.Attrs[i]
		if seen[a.Name] {
			return fmt.Errorf("attribute %q is given twice", a.Name)
		}
		seen[a.Name] = true
		switch {
		case a.Type == AttrTensor && a.T == nil, a.Type == AttrGraph && a.G == nil:
			return fmt.Errorf("attribute %q is empty", a.Name)
		case a.Type < AttrFloat || a.Type > AttrGraphs && a.Type > 14: // 11 to 14: sparse tensors and types
			return fmt.Errorf("attribute %q has the unknown type %d", a.Name, a.Type)
		case a.T != nil:
			if err := valid(*a.T); err != nil {
				return fmt.Errorf("attribute %q: %w", a.Name, err)
			}
		}
	}
	return nil
}

// edges checks that what the nodes of g read is in all and, where a node of
// g makes it, that this node comes first.
func (c *checker) edges(g *Graph, all *scope, made map[string]int) error {
	var unsorted error
	for i, n := range g.Nodes {
		for k, s := range n.Inputs {
			if s != "" && !all.has(s) {
				return fmt.Errorf("%s: input %d %q of %s is not defined: no node, initializer or graph input has this name", n.place(i), k, s, n.Op)
			}
		}
		err := n.subgraphs(func(attr string, sub *Graph) error {
			return at("attribute "+attr, c.graph(sub, all))
		})
		if err != nil && (!errors.Is(err, ErrUnsorted) || unsorted == nil) {
			err = at(n.place(i), err)
			if !errors.Is(err, ErrUnsorted) {
				return err
			}
			unsorted = err
		}
		for _, s := range n.uses() {
			if j, ok := made[s]; ok && j >= i && unsorted == nil {
				unsorted = fmt.Errorf("%w: %s reads %q, which %s makes", ErrUnsorted, n.place(i), s, g.Nodes[j].place(j))
			}
		}
	}
	if unsorted != nil {
		if _, err := order(g); err != nil {
			return err
		}
	}
	return unsorted
}
