package asm

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// A Walk moves along a row of outputs of a kernel three columns wide and loads
// every input once: a column of the input is multiplied with all columns of the
// weights at once, for the outputs that it is left, middle and right of. Sums
// of a column do not wait for those of the one before, so that the multipliers
// are never idle. A column outside of the image is left out, where the argument
// left or right is 0; the argument n counts the outputs.
type Walk struct {
	Set
	Stride int
	Suffix string // of labels

	// Column adds the products of the current column with column j of the
	// weights to sums[j], or sets it to them where fresh is set.
	Column func(sums map[int]VecVirtual, fresh bool)
	Move   func(columns int)       // to another column, 1 or -1 away
	Add    func(...Op)             // VADDPS or VPADDD
	Start  func(sum VecVirtual)    // sets it to what a sum begins with
	Begin  func(t, sum VecVirtual) // sets it to that and t
	End    func(sum VecVirtual)    // stores an output; sum is used up
}

// Row computes the outputs of a row, from the middle column of the first one on.
func (w Walk) Row() {
	left := w.New() // sum of the next output, without its right column
	w.Start(left)
	w.unless("left", func() {
		w.Move(-1)
		w.Column(map[int]VecVirtual{0: left}, false)
		w.Move(1)
	})
	n := Int("n", 1)
	DECQ(n)
	if w.Stride == 1 {
		w.dense(n, left)
	} else {
		w.strided(n, left)
	}
	w.unless("right", func() {
		w.Move(1)
		w.Column(map[int]VecVirtual{2: left}, false)
	})
	w.End(left)
}

// dense computes n outputs next to each other, and of another one its left and
// middle column.
func (w Walk) dense(n Register, left VecVirtual) {
	next := w.New()
	w.Start(next)
	w.Column(map[int]VecVirtual{0: next, 1: left}, false)
	Loop("pixel"+w.Suffix, n, func() {
		w.Move(1)
		t := []VecVirtual{w.New(), w.New(), w.New()}
		w.Column(map[int]VecVirtual{0: t[0], 1: t[1], 2: t[2]}, true)
		w.Add(t[2], left, left)
		w.End(left)
		w.Add(t[1], next, left)
		w.Begin(t[0], next)
	})
}

// strided does so for outputs two columns apart: every second column is the
// middle of one.
func (w Walk) strided(n Register, left VecVirtual) {
	Loop("pixel"+w.Suffix, n, func() {
		t := []VecVirtual{w.New(), w.New(), w.New()}
		w.Column(map[int]VecVirtual{1: t[1]}, true)
		w.Add(t[1], left, left)
		w.Move(1)
		w.Column(map[int]VecVirtual{0: t[0], 2: t[2]}, true)
		w.Move(1)
		w.Add(t[2], left, left)
		w.End(left)
		w.Begin(t[0], left)
	})
	w.Column(map[int]VecVirtual{1: left}, false)
}

// unless does what body does unless the argument is 0.
func (w Walk) unless(param string, body func()) {
	CMPQ(Argument(param), Imm(0))
	JE(LabelRef("no_" + param + w.Suffix))
	body()
	Label("no_" + param + w.Suffix)
}
