package onnx

import (
	"container/heap"
	"fmt"
	"sort"
	"strings"
)

// Sort puts the nodes of g, and of its subgraphs, in topological order. Nodes
// that are in order already stay where they are. A cycle is an error that
// names its nodes; g is then unchanged.
func Sort(g *Graph) error { return sortGraph(g, 0) }

func sortGraph(g *Graph, depth int) error {
	if depth++; depth > maxDepth {
		return fmt.Errorf("graphs are nested more than %d deep", maxDepth)
	}
	idx, err := order(g)
	if err != nil {
		return err
	}
	for i, n := range g.Nodes {
		err := n.subgraphs(func(attr string, sub *Graph) error {
			return at("attribute "+attr, sortGraph(sub, depth))
		})
		if err != nil {
			return at(n.place(i), err)
		}
	}
	nodes := make([]*Node, len(idx))
	for i, j := range idx {
		nodes[i] = g.Nodes[j]
	}
	g.Nodes = nodes
	return nil
}

// ints is a heap of node numbers, least first.
type ints struct{ sort.IntSlice }

func (h *ints) Push(x any) { h.IntSlice = append(h.IntSlice, x.(int)) }
func (h *ints) Pop() any {
	last := len(h.IntSlice) - 1
	x := h.IntSlice[last]
	h.IntSlice = h.IntSlice[:last]
	return x
}

// order returns g's node numbers in the first topological order (Kahn's
// algorithm; of the nodes that are ready, the one that comes first in g).
func order(g *Graph) ([]int, error) {
	made := map[string]int{}
	for i, n := range g.Nodes {
		for _, s := range n.Outputs {
			if s != "" {
				made[s] = i
			}
		}
	}
	waits := make([]int, len(g.Nodes))     // how many inputs are not made yet
	readers := make([][]int, len(g.Nodes)) // of each node, with repetitions
	for i, n := range g.Nodes {
		for _, s := range n.uses() {
			if j, ok := made[s]; ok {
				waits[i]++
				readers[j] = append(readers[j], i)
			}
		}
	}
	ready := &ints{}
	for i, w := range waits {
		if w == 0 {
			ready.IntSlice = append(ready.IntSlice, i) // ascending, so a heap
		}
	}
	out := make([]int, 0, len(g.Nodes))
	for ready.Len() > 0 {
		i := heap.Pop(ready).(int)
		out = append(out, i)
		for _, j := range readers[i] {
			if waits[j]--; waits[j] == 0 {
				heap.Push(ready, j)
			}
		}
	}
	if len(out) < len(g.Nodes) {
		return nil, cycle(g, waits, made)
	}
	return out, nil
}

// cycle names a cycle among the nodes that still wait. Each of them reads
// what another one of them makes, so walking back must come round.
func cycle(g *Graph, waits []int, made map[string]int) error {
	i := 0
	for waits[i] == 0 {
		i++
	}
	at := map[int]int{} // when the walk was at a node
	var walk []int
	for {
		if _, ok := at[i]; ok {
			break
		}
		at[i] = len(walk)
		walk = append(walk, i)
		for _, s := range g.Nodes[i].uses() {
			if j, ok := made[s]; ok && waits[j] > 0 {
				i = j
				break
			}
		}
	}
	round := append(walk[at[i]:], i)
	const most = 8 // names in the message
	var names []string
	for k := len(round) - 1; k >= 0; k-- { // backwards, so in the order of the data
		names = append(names, g.Nodes[round[k]].place(round[k]))
	}
	if len(names) > most {
		names = append(append(names[:most-1:most-1], "…"), names[len(names)-1])
	}
	return fmt.Errorf("graph has a cycle: %s", strings.Join(names, " → "))
}
