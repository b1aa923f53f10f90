package main

import (
	"slices"
	"testing"
)

// A loop of four instructions, one of two, and one around both, as objdump
// prints them.
const function = `
0000000000141000 <assay/bench/kernel/gemm.x.abi0>:
  141000:	f9400be0 	ldr	x0, [sp, #16]
  141004:	3cc10418 	ldr	q24, [x0], #16
  141008:	4f9813c0 	fmla	v0.4s, v30.4s, v24.s[0]
  14100c:	f1001129 	subs	x9, x9, #0x4
  141010:	54ffffaa 	b.ge	141004 <assay/bench/kernel/gemm.x.abi0+0x4>  // b.tcont
  141014:	4f9813c0 	fmla	v0.4s, v30.4s, v24.s[0]
  141018:	54ffffea 	b.ge	141014 <assay/bench/kernel/gemm.x.abi0+0x14>  // b.tcont
  14101c:	f100054a 	subs	x10, x10, #0x1
  141020:	54ffff21 	b.ne	141004 <assay/bench/kernel/gemm.x.abi0+0x4>  // b.any
  141024:	54000041 	b.ne	14102c <assay/bench/kernel/gemm.x.abi0+0x2c>  // b.any
  141028:	d65f03c0 	ret
  14102c:	d65f03c0 	ret
`

func TestInnerLoop(t *testing.T) {
	loop := innerLoop(function)
	want := []string{"ldr q24, [x0], #16", "fmla v0.4s, v30.4s, v24.s[0]", "subs x9, x9, #0x4", "b.ge ."}
	if !slices.Equal(loop, want) {
		t.Errorf("got %q, want %q", loop, want)
	}
	if macs, bare := count(loop); macs != 4 || !slices.Equal(bare, want[1:2]) {
		t.Errorf("got %d multiplications by %q, want 4", macs, bare)
	}
	if loop := innerLoop("nothing"); loop != nil {
		t.Errorf("found a loop in nothing: %q", loop)
	}
}
