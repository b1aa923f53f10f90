package native

import (
	"fmt"
	"unsafe"

	"assay/bench/kernel/pool"
	"assay/models/tensor"
)

// A step is one kernel call of a plan.
type step struct {
	node int // index in the graph
	run  func()
}

// An env holds the bytes behind every slot of a plan. Steps look them up in
// each run, since inputs and outputs are bound from outside.
type env struct {
	buf   [][]byte
	fault bool // a step met an index that is out of range
}

// kind says where the bytes of a slot come from.
type kind int

const (
	inArena kind = iota
	isConst
	isInput
	isOutput
)

// A slot is one buffer of a plan: a value, or scratch of one node.
type slot struct {
	kind        kind
	size        int // bytes
	first, last int // nodes between which the bytes must live
	offset      int // in the arena
	data        []byte
}

// A builder plans one graph: it turns nodes into steps.
type builder struct {
	g      *graph
	env    *env
	pool   *pool.Pool
	slots  []slot
	of     map[*value]int
	steps  []step
	node   *node // being planned
	at     int   // its index
	packed int   // bytes of packed weights
	arena  int   // bytes of the arena
	costs  []cost
}

// build plans g for the given threads. Constants, weights and the arena are
// allocated; inputs and outputs stay unbound.
func build(g *graph, p *pool.Pool) (*builder, error) {
	b := &builder{g: g, env: &env{}, pool: p, of: map[*value]int{}}
	for _, v := range g.inputs {
		b.of[v] = b.newSlot(slot{kind: isInput, size: v.bytes()})
	}
	for _, v := range g.outputs {
		b.of[v] = b.newSlot(slot{kind: isOutput, size: v.bytes()})
	}
	for i, n := range g.nodes {
		b.node, b.at = n, i
		op := ops[opKey{n.domain, n.op}]
		if op == nil {
			return nil, fmt.Errorf("%s: no kernel", n.place())
		}
		b.costs = append(b.costs, cost{})
		before := b.packed
		if err := op.plan(b, n); err != nil {
			return nil, fmt.Errorf("%s: %w", n.place(), err)
		}
		b.count(n, b.packed-before)
		for _, v := range n.in {
			b.touch(v)
		}
		for _, v := range n.out {
			b.touch(v)
		}
	}
	return b, nil
}

func (b *builder) newSlot(s slot) int {
	b.slots = append(b.slots, s)
	b.env.buf = append(b.env.buf, s.data)
	return len(b.slots) - 1
}

// slot returns v's slot and makes one where there is none.
func (b *builder) slot(v *value) int {
	if i, ok := b.of[v]; ok {
		return i
	}
	s := slot{size: v.bytes(), first: b.at, last: b.at}
	if v.konst {
		s.kind, s.data = isConst, v.tensor().Data
	}
	i := b.newSlot(s)
	b.of[v] = i
	return i
}

// touch extends the life of v's slot, where it has one, to the node being
// planned.
func (b *builder) touch(v *value) {
	if v == nil {
		return
	}
	if i, ok := b.of[v]; ok {
		b.slots[i].last = max(b.slots[i].last, b.at)
	}
}

// scratch returns a slot of n bytes that lives during the node being planned.
func (b *builder) scratch(n int) int {
	return b.newSlot(slot{size: n, first: b.at, last: b.at})
}

// alias makes out share the bytes of in: a change of shape costs nothing.
func (b *builder) alias(out, in *value) { b.of[out] = b.slot(in) }

// step adds a kernel call.
func (b *builder) step(run func()) {
	b.steps = append(b.steps, step{b.at, run})
}

// leastPart is the work of a part for which a thread is told of it, in
// multiplications: at 30 of them a nanosecond it takes some 4 µs, as long as
// waking a thread does.
const leastPart = 1 << 17

// parallel adds a kernel call that is split into at most limit parts, which
// threads run at once: as many as its work, in multiplications, is worth.
func (b *builder) parallel(limit int, work int64, f func(part, parts int)) {
	p, parts := b.pool, int(min(int64(limit), 1+work/leastPart))
	b.step(func() { p.Run(parts, f) })
}

// number is what slots hold.
type number interface {
	float32 | float64 | int64 | int32 | int16 | int8 | uint64 | uint32 | uint16 | uint8
}

// view returns slot i's bytes as elements. Slots are aligned for their type.
func view[T number](e *env, i int) []T {
	b := e.buf[i]
	var z T
	n := len(b) / int(unsafe.Sizeof(z))
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&b[0])), n)
}

// aligned reports whether data starts at a multiple of size bytes.
func aligned(data []byte, size int) bool {
	return len(data) == 0 || size < 2 || uintptr(unsafe.Pointer(&data[0]))%uintptr(size) == 0
}

// weights returns the size of all constants that steps read, packed ones
// included, in bytes.
func (b *builder) weights() int64 {
	n := int64(b.packed)
	for _, s := range b.slots {
		if s.kind == isConst {
			n += int64(s.size)
		}
	}
	return n
}

// allocate gives every slot in the arena its bytes.
func (b *builder) allocate() {
	b.arena = b.arrange()
	arena := tensor.Aligned(b.arena)
	for i, s := range b.slots {
		if s.kind == inArena {
			b.env.buf[i] = arena[s.offset : s.offset+s.size : s.offset+s.size]
		}
	}
}
