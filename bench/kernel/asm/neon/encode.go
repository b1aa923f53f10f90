package neon

import "fmt"

// An Instruction is one that Go's assembler lacks: its encoding, and its text
// as GNU as writes it. Encodings follow the Arm Architecture Reference Manual
// for A-profile (DDI 0487), C7.2. Arguments are numbers of vector registers.
type Instruction struct {
	Word uint32
	Text string
}

// FMLA adds n·m[i] to d, four float32.
func FMLA(d, n, m, i int) Instruction {
	return Instruction{0x4f801000 | element(m, i) | pair(d, n), fmt.Sprintf("fmla v%d.4s, v%d.4s, v%d.s[%d]", d, n, m, i)}
}

// SDOT adds to each of four int32 of d the dot product of four int8 of n with
// the i-th four of m (FEAT_DotProd).
func SDOT(d, n, m, i int) Instruction {
	return Instruction{0x4f80e000 | element(m, i) | pair(d, n), fmt.Sprintf("sdot v%d.4s, v%d.16b, v%d.4b[%d]", d, n, m, i)}
}

// FADD computes d = n + m, four float32.
func FADD(d, n, m int) Instruction { return floats(0x4e20d400, "fadd", d, n, m) }

// FMAX computes d = max(n, m), four float32; NaN where one of them is.
func FMAX(d, n, m int) Instruction { return floats(0x4e20f400, "fmax", d, n, m) }

// FMIN computes d = min(n, m), four float32; NaN where one of them is.
func FMIN(d, n, m int) Instruction { return floats(0x4ea0f400, "fmin", d, n, m) }

// MUL computes d = n·m, four int32.
func MUL(d, n, m int) Instruction { return floats(0x4ea09c00, "mul", d, n, m) }

// SMULL computes d = n·m, eight int16 of the low eight int8 of n and m.
func SMULL(d, n, m int) Instruction {
	return Instruction{0x0e20c000 | third(m) | pair(d, n), fmt.Sprintf("smull v%d.8h, v%d.8b, v%d.8b", d, n, m)}
}

// SMULL2 computes d = n·m, eight int16 of the high eight int8 of n and m.
func SMULL2(d, n, m int) Instruction {
	return Instruction{0x4e20c000 | third(m) | pair(d, n), fmt.Sprintf("smull2 v%d.8h, v%d.16b, v%d.16b", d, n, m)}
}

// SADALP adds to each of four int32 of d the sum of two int16 of n.
func SADALP(d, n int) Instruction {
	return Instruction{0x4e606800 | pair(d, n), fmt.Sprintf("sadalp v%d.4s, v%d.8h", d, n)}
}

func floats(op uint32, name string, d, n, m int) Instruction {
	return Instruction{op | third(m) | pair(d, n), fmt.Sprintf("%s v%d.4s, v%d.4s, v%d.4s", name, d, n, m)}
}

func pair(d, n int) uint32 { return uint32(n)<<5 | uint32(d) }

func third(m int) uint32 { return uint32(m) << 16 }

// element is register m and an index of two bits, H in bit 11 and L in bit 21.
func element(m, i int) uint32 { return third(m) | uint32(i>>1)<<11 | uint32(i&1)<<21 }
