package native

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"assay/models/tensor"
)

// arrange places every slot of the arena and returns the arena's size: the
// largest first, each into the smallest gap that fits between the slots that
// live at the same time (Pisarchyk and Lee 2020, "Efficient memory management
// for deep neural net inference", greedy by size).
func (b *builder) arrange() int {
	var todo []int
	for i, s := range b.slots {
		if s.kind == inArena {
			todo = append(todo, i)
		}
	}
	slices.SortStableFunc(todo, func(x, y int) int { return b.slots[y].size - b.slots[x].size })
	total := 0
	var placed []int // by offset
	for _, i := range todo {
		s := &b.slots[i]
		s.offset = b.gap(s, placed)
		total = max(total, s.offset+roundUp(s.size))
		at, _ := slices.BinarySearchFunc(placed, s.offset, func(j, off int) int { return b.slots[j].offset - off })
		placed = slices.Insert(placed, at, i)
	}
	return total
}

// gap returns the offset of the smallest gap for s among placed slots, in
// order of offset, that live while s does.
func (b *builder) gap(s *slot, placed []int) int {
	best, bestSize, end := -1, 0, 0
	for _, j := range placed {
		o := &b.slots[j]
		if o.last < s.first || o.first > s.last {
			continue
		}
		if room := o.offset - end; room >= roundUp(s.size) && (best < 0 || room < bestSize) {
			best, bestSize = end, room
		}
		end = max(end, o.offset+roundUp(o.size))
	}
	if best < 0 {
		return end
	}
	return best
}

func roundUp(n int) int { return (n + tensor.Align - 1) &^ (tensor.Align - 1) }

// fits reports a graph that cannot be held in memory: all weights (packed,
// beside the file's) and the largest set of values alive at once.
func (g *graph) fits() error {
	free, ok := available()
	if !ok {
		return nil
	}
	var weights, live, peak int64
	left := g.uses()
	seen := map[*value]bool{}
	for _, n := range g.nodes {
		for _, v := range n.in {
			if v != nil && v.konst && !seen[v] {
				seen[v] = true
				weights += int64(v.bytes())
			}
		}
		for _, v := range n.out {
			if v != nil {
				live += int64(v.bytes())
			}
		}
		peak = max(peak, live)
		for _, v := range n.in {
			if v == nil || v.by == nil { // inputs belong to the caller
				continue
			}
			if left[v]--; left[v] == 0 {
				live -= int64(v.bytes())
			}
		}
	}
	if need := weights + peak; need > free {
		return fmt.Errorf("model needs %d MB (weights %d MB, values %d MB) and %d MB of memory are available: %w here",
			need>>20, weights>>20, peak>>20, free>>20, errors.ErrUnsupported)
	}
	return nil
}

// available returns MemAvailable of /proc/meminfo in bytes; false where the
// system has no such file.
func available() (int64, bool) {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) >= 2 && f[0] == "MemAvailable:" {
			kb, err := strconv.ParseInt(f[1], 10, 64)
			return kb << 10, err == nil
		}
	}
	return 0, false
}
