package bench

import (
	"assay/bench/host"
	"assay/bench/stat"
)

// condition judges what happened to the device while the group was measured.
func (m *measured) condition(before, after host.Condition) {
	m.during = m.watch.End()
	m.during.LoadMHz, m.during.Ran = m.clock(), m.ran()
	doubts, violations := host.Compare(before, m.during, after)
	m.doubts = append(m.doubts, doubts...)
	m.bad = append(m.bad, violations...)
}

// ran is the share of the blocks' time that their threads were on a CPU, 0 if
// unknown. A server's queries have pauses and tell nothing.
func (m *measured) ran() float64 {
	var cpu, wall float64
	m.eachBlock(func(b *block) {
		if b.cpu >= 0 {
			cpu += b.cpu
			wall += b.elapsed * float64(max(1, m.baseline().Threads))
		}
	})
	if wall == 0 {
		return 0
	}
	return cpu / wall
}

// clock is the median over the group's blocks of the pinned cores' clock right
// after the block, in MHz; 0 if unknown.
func (m *measured) clock() float64 {
	var all []float64
	m.eachBlock(func(b *block) {
		if b.mhz > 0 {
			all = append(all, b.mhz)
		}
	})
	if len(all) == 0 {
		return 0
	}
	return stat.Median(all)
}
