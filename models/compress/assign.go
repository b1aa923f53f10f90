package compress

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"assay/models/onnx"
)

// Named returns a folded copy of m in which every node with weights to be
// compressed has a name of its own, and those names in graph order: what
// Assign gives techniques to. A node that no technique can change is not among
// them.
func Named(m *onnx.Model) (*onnx.Model, []string, error) {
	d, err := newDraft(m)
	if err != nil {
		return nil, nil, err
	}
	if err := d.fold(); err != nil {
		return nil, nil, err
	}
	taken, seen := map[string]bool{}, map[string]bool{}
	for _, n := range d.g.Nodes {
		taken[n.Name] = true
	}
	var names []string
	for i, n := range d.g.Nodes {
		if !std(n) || roles[n.Op] != weighted {
			continue
		}
		if n.Name == "" || seen[n.Name] {
			n.Name = fmt.Sprintf("%s_%d", n.Op, i)
			for taken[n.Name] {
				n.Name += "_"
			}
		}
		taken[n.Name], seen[n.Name] = true, true
		_, reason, err := d.weightsOf(n)
		if err != nil {
			return nil, nil, err
		}
		if reason == "" {
			names = append(names, n.Name)
		}
	}
	d.g.RemoveUnused()
	return d.Model, names, onnx.Check(d.Model)
}

// Assign returns a technique that gives each node its own: choice is from the
// names of Named to techniques, several joined by + where one follows the
// other. Nodes that are not in choice stay as they are. What keeps weights
// plain floats is applied first, then int8-qdq, then what cannot be followed.
func Assign(name string, choice map[string]string) (Technique, error) {
	out := Technique{Name: name, Doc: "a technique for each node, chosen by a search"}
	if len(choice) == 0 {
		return out, errors.New("no node has a technique")
	}
	steps := map[string]map[string]bool{} // technique → nodes
	var order []Technique
	for _, node := range slices.Sorted(maps.Keys(choice)) {
		whole, err := Lookup(choice[node])
		if err != nil {
			return out, err
		}
		for _, s := range strings.Split(whole.Name, "+") {
			t, err := Lookup(s)
			if err != nil {
				return out, err
			}
			if steps[t.Name] == nil {
				steps[t.Name] = map[string]bool{}
				order = append(order, t)
			}
			steps[t.Name][node] = true
			out.Data, out.Final = out.Data || t.Data, out.Final || t.Final
		}
	}
	slices.SortStableFunc(order, func(a, b Technique) int { return cmp.Or(turn(a)-turn(b), strings.Compare(a.Name, b.Name)) })
	out.Apply = func(ctx context.Context, m *onnx.Model, opt Options) (*onnx.Model, *Report, error) {
		sum := &Report{Technique: name}
		for _, t := range order {
			o := opt
			o.Exclude, o.ExcludeOps = others(m, steps[t.Name]), nil
			next, r, err := t.Apply(ctx, m, o)
			if err != nil {
				return nil, nil, fmt.Errorf("%s: %w", t.Name, err)
			}
			sum.take(t.Name, r)
			m = next
		}
		return m, sum, nil
	}
	return out, nil
}

// turn is the place of a technique among those of one plan: int8-qdq runs the
// model on calibration data, so that it comes before what engines run slowly.
func turn(t Technique) int {
	switch {
	case !t.Final:
		return 0
	case t.Name == "int8-qdq":
		return 1
	}
	return 2
}

// others returns the nodes of m that multiply by weights and are not in set.
func others(m *onnx.Model, set map[string]bool) []string {
	var out []string
	for _, n := range m.Graph.Nodes {
		if std(n) && roles[n.Op] == weighted && !set[n.Name] {
			out = append(out, label(n))
		}
	}
	return out
}

// take enters what a step of a plan did into r: of each node its last change,
// and of one that no step has changed why the last one left it.
func (r *Report) take(step string, of *Report) {
	if r.Before == 0 {
		r.Before = of.Before
	}
	r.After, r.Samples = of.After, max(r.Samples, of.Samples)
	r.Values = append(r.Values, of.Values...)
	for _, w := range of.Warnings {
		r.warn("%s: %w", step, w)
	}
	at := map[string]int{}
	for i, n := range r.Nodes {
		at[n.Name] = i
	}
	for _, n := range of.Nodes {
		if n.Changed {
			n.Reason = strings.TrimSuffix(step+": "+n.Reason, ": ")
		}
		i, ok := at[n.Name]
		switch {
		case !ok:
			r.Nodes = append(r.Nodes, n)
		case !n.Changed:
		case r.Nodes[i].Changed:
			n.Before, n.Reason = r.Nodes[i].Before, r.Nodes[i].Reason+"; "+n.Reason
			fallthrough
		default:
			r.Nodes[i] = n
		}
	}
}
