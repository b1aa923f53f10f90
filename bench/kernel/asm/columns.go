package asm

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Columns are those of a tile's vectors that there are: a load gives zeros for
// the others, and a store leaves them alone.
type Columns interface {
	Load(m Mem, vector int) VecVirtual
	Store(r VecVirtual, m Mem, vector int)
	Fuse(m Mem, x, sum VecVirtual, vector int) // sum += m·x
	Narrow(r []VecVirtual, m Mem)              // stores the lowest byte of every lane, of whole vectors or one; changes r
}

// Columns runs body for the first n columns of so many vectors. With AVX-512 a
// mask leaves out the others at no cost; with AVX2 masks are slow (VMASKMOVPS),
// so that whole vectors have a path of their own: body is then written twice,
// with another suffix for its labels, and must end in RET.
func (v Set) Columns(n Register, vectors int, name string, body func(c Columns, suffix string)) {
	if v.Lanes == 16 {
		body(masks(v, n, vectors), name)
		return
	}
	CMPQ(n, U32(uint32(vectors*v.Lanes)))
	JNE(LabelRef("part" + name))
	body(whole{v}, name)
	Label("part" + name)
	body(window(v, n, vectors, "_part"+name), "_part"+name)
}

// Channels runs body for all columns of a row, left of them, some vectors at a
// time: two, where pairs is set, as long as there are two whole ones, so that
// what a round costs beside the columns is shared and no load pays for a mask,
// and then one. It moves the pointers, to elements of 32 bits, on after each,
// and left down.
func (v Set) Channels(left Register, pointers []Register, pairs bool, body func(vectors int, c Columns, suffix string)) {
	move := func(vectors int) {
		for _, p := range pointers {
			ADDQ(U32(uint32(vectors*v.Bytes())), p)
		}
		SUBQ(U32(uint32(vectors*v.Lanes)), left)
	}
	Label("channels")
	if pairs {
		CMPQ(left, U32(uint32(2*v.Lanes)))
		JLT(LabelRef("fewer"))
		body(2, whole{v}, "_2")
		move(2)
		JG(LabelRef("channels"))
		JMP(LabelRef("done"))
		Label("fewer")
	}
	n := GP64()
	MOVQ(U32(uint32(v.Lanes)), n)
	CMPQ(left, n)
	CMOVQLT(left, n)
	v.Columns(n, 1, "_1", func(c Columns, suffix string) {
		body(1, c, suffix)
		JMP(LabelRef("next"))
	})
	Label("next")
	move(1)
	JG(LabelRef("channels"))
	Label("done")
}

type whole struct{ Set }

func (w whole) Load(m Mem, _ int) VecVirtual {
	r := w.New()
	VMOVUPS(m, r)
	return r
}

func (w whole) Store(r VecVirtual, m Mem, _ int) { VMOVUPS(r, m) }

func (w whole) Fuse(m Mem, x, sum VecVirtual, _ int) { VFMADD231PS(m, x, sum) }

func (w whole) Narrow(r []VecVirtual, m Mem) { w.Set.Narrow(m, r...) }

type masked struct {
	Set
	k []Register
}

func masks(v Set, n Register, vectors int) masked {
	ones := GP64()
	MOVQ(U64(1<<63-1), ones)
	BZHIQ(n, ones, ones)
	m := masked{Set: v}
	for range vectors {
		k := K()
		KMOVW(ones.As32(), k)
		SHRQ(Imm(16), ones)
		m.k = append(m.k, k)
	}
	return m
}

func (x masked) Load(m Mem, vector int) VecVirtual {
	r := x.New()
	VMOVUPS_Z(m, x.k[vector], r)
	return r
}

func (x masked) Store(r VecVirtual, m Mem, vector int) { VMOVUPS(r, x.k[vector], m) }

func (x masked) Fuse(m Mem, y, sum VecVirtual, vector int) { VFMADD231PS(m, y, x.k[vector], sum) }

func (x masked) Narrow(r []VecVirtual, m Mem) { VPMOVDB(r[0], x.k[0], m) }

type windowed struct {
	Set
	mask []VecVirtual
	n    Register
	name string // of labels
}

// window makes masks of n set lanes: a window in a table of as many set as
// clear ones.
func window(v Set, n Register, vectors int, name string) windowed {
	table, at := GP64(), GP64()
	LEAQ(lanes(vectors*v.Lanes), table)
	MOVQ(U32(uint32(vectors*v.Lanes)), at)
	SUBQ(n, at)
	w := windowed{Set: v, n: n, name: name}
	for j := range vectors {
		m := v.New()
		VMOVUPS(Mem{Base: table, Index: at, Scale: 4, Disp: v.Bytes() * j}, m)
		w.mask = append(w.mask, m)
	}
	return w
}

func (w windowed) Load(m Mem, vector int) VecVirtual {
	r := w.New()
	VMASKMOVPS(m, w.mask[vector], r)
	return r
}

func (w windowed) Store(r VecVirtual, m Mem, vector int) { VMASKMOVPS(r, w.mask[vector], m) }

func (w windowed) Fuse(m Mem, x, sum VecVirtual, vector int) {
	VFMADD231PS(w.Load(m, vector), x, sum)
}

// Narrow stores 4, 2 and 1 bytes of a single vector, as its columns have.
func (w windowed) Narrow(r []VecVirtual, m Mem) {
	x, p := w.pack(r[0], r[0]), GP64()
	LEAQ(m, p)
	for _, size := range []int{4, 2, 1} {
		without := fmt.Sprintf("without_%d%s", size, w.name)
		TESTQ(U32(uint32(size)), w.n)
		JZ(LabelRef(without))
		switch size {
		case 4:
			VMOVD(x, Mem{Base: p})
		case 2:
			VPEXTRW(Imm(0), x, Mem{Base: p})
		case 1:
			VPEXTRB(Imm(0), x, Mem{Base: p})
		}
		VPSRLDQ(Imm(uint64(size)), x, x)
		ADDQ(U32(uint32(size)), p)
		Label(without)
	}
}

var tables = map[int]Mem{}

// lanes is a table of n set and n clear lanes, once per generator.
func lanes(n int) Mem {
	if _, ok := tables[n]; !ok {
		tables[n] = GLOBL(fmt.Sprintf("lanes_%d", n), attr.RODATA|attr.NOPTR)
		for i := range 2 * n {
			v := U32(0)
			if i < n {
				v = U32(1<<32 - 1)
			}
			DATA(4*i, v)
		}
	}
	return tables[n]
}
