package neon

import "fmt"

// Registers of a tile's kernel. Rows of A are R0 to R7, the others:
const (
	B     = "R8"
	count = "R9"
	runs  = "R10"
	skip  = "R11"
	k     = "R12"
	C     = "R13" // at the next column
	LDC   = "R14"
	n     = "R15" // columns that are left
	Extra = "R16" // a row to be added, at the next column, or nil
	Add   = "R17" // a matrix to be added, at the next column, or nil
	walk  = "R19"
)

// A Tile is Rows × Vectors sums in registers, of four columns each.
type Tile struct {
	*File
	Rows, Vectors int // at least 2 vectors
	sets          int // of sums that steps add to in turn
}

// enough sums in flight hide the latency of two multipliers, of 4 cycles on
// Cortex-A76 (2 from sum to sum) and of 3 from sum to sum on Cortex-A72.
const enough = 8

// Sum is the register of row i and vector j.
func (t *Tile) Sum(i, j int) int { return i*t.Vectors + j }

// Free is the i-th register after the sums of all sets.
func (t *Tile) Free(i int) int { return t.sets*t.Rows*t.Vectors + i }

// column returns the registers of vector j of all rows.
func (t *Tile) column(j int) []int {
	out := make([]int, t.Rows)
	for i := range out {
		out[i] = t.Sum(i, j)
	}
	return out
}

func (t *Tile) start(most int) {
	t.sets = 1
	for t.sets < most && t.sets*t.Rows*t.Vectors < enough {
		t.sets *= 2
	}
	t.Int("a", "R0", 1)
	t.Op("MOVD %s, %s", t.Arg("b"), B)
	for i := range t.sets * t.Rows * t.Vectors {
		t.Zero([]int{i})
	}
}

func (t *Tile) rows(lda int) {
	t.Int("lda", walk, lda)
	for i := 1; i < t.Rows; i++ {
		t.Op("ADD %s, R%d, R%d", walk, i-1, i)
	}
}

// eachRun runs body for each run of A's rows, runs ≥ 1, with k in count.
func (t *Tile) eachRun(lda int, body func()) {
	t.rows(lda)
	t.Int("skip", skip, lda)
	t.Int("runs", runs, 1)
	t.Int("k", k, 1)
	t.Label("run")
	t.Op("MOVD %s, %s", k, count)
	body()
	for i := range t.Rows {
		t.Op("ADD %s, R%d", skip, i)
	}
	t.Op("SUBS $1, %s", runs)
	t.Op("BNE run")
}

// loop runs body while count is at least steps.
func (t *Tile) loop(name string, steps int, body func()) {
	t.Op("SUBS $%d, %s", steps, count)
	t.Op("BLT %s_end", name)
	t.Label(name)
	body()
	t.Op("SUBS $%d, %s", steps, count)
	t.Op("BGE %s", name)
	t.Label(name + "_end")
	t.Op("ADD $%d, %s", steps, count)
}

// Product sums up B's panel, 4·Vectors elements of 4 bytes to a step, times
// rows of A of elements of 4 bytes, by mac: sum += panel · element. Four
// elements of a row are loaded at once. lda is the unit of lda and skip.
func (t *Tile) Product(lda int, mac func(sum, panel, row, element int) Instruction) {
	t.start(4)
	free := t.Free(t.Rows)
	pairs := (32 - free) / 2 // of registers for B
	next := 0
	step := func(element int) {
		set := element % t.sets * t.Rows * t.Vectors
		for j := 0; j < t.Vectors; j += 2 {
			p := free + next%pairs*2
			next++
			t.Op("FLDPQ.P 32(%s), (F%d, F%d)", B, p, p+1)
			for i := range t.Rows {
				t.Word(mac(set+t.Sum(i, j), p, t.Free(i), element))
				t.Word(mac(set+t.Sum(i, j+1), p+1, t.Free(i), element))
			}
		}
	}
	load := func(op string, bytes int) {
		for i := range t.Rows {
			t.Op("%s.P %d(R%d), F%d", op, bytes, i, t.Free(i))
		}
	}
	t.eachRun(lda, func() {
		t.loop("steps", 4, func() {
			load("FMOVQ", 16)
			for element := range 4 {
				step(element)
			}
		})
		t.loop("step", 1, func() {
			load("FMOVS", 4)
			step(0)
		})
	})
}

// Pairs sums up B's panel, two int8 of each of 4·Vectors columns to a step,
// times rows of A, two int8 to a step. A product of two int8 fits int16, a sum
// of two of them does not, so that each is added to int32 at once.
func (t *Tile) Pairs() {
	t.start(1)
	panel, row := t.Free(0), t.Free(t.Vectors/2)
	first := row + t.Rows
	next := 0
	product := func() int {
		next++
		return first + next%(32-first)
	}
	t.eachRun(1, func() {
		t.loop("step", 1, func() {
			for q := 0; q < t.Vectors/2; q += 2 {
				t.Op("FLDPQ.P 32(%s), (F%d, F%d)", B, panel+q, panel+q+1)
			}
			for i := range t.Rows {
				t.Op("VLD1R.P 2(R%d), [V%d.H8]", i, row+i)
				for q := range t.Vectors / 2 {
					low, high := product(), product()
					t.Word(SMULL(low, panel+q, row+i))
					t.Word(SMULL2(high, panel+q, row+i))
					t.Word(SADALP(t.Sum(i, 2*q), low))
					t.Word(SADALP(t.Sum(i, 2*q+1), high))
				}
			}
		})
	})
}

// Fold adds the sums of all sets to the first by add.
func (t *Tile) Fold(add func(sum, other int)) {
	size := t.Rows * t.Vectors
	for set := 1; set < t.sets; set++ {
		for x := range size {
			add(x, set*size+x)
		}
	}
}

// Columns finishes the first n columns, and returns: finish does so for the
// sums of a column of the given bytes, 16 for four and 4 for one, which is then
// the lowest lane.
func (t *Tile) Columns(finish func(sums []int, bytes int, label string)) {
	t.Op("MOVD %s, %s", t.Arg("c"), C)
	t.Int("ldc", LDC, 4)
	t.Int("n", n, 1)
	t.Op("CMP $%d, %s", 4*t.Vectors, n)
	t.Op("BNE part")
	for j := range t.Vectors {
		finish(t.column(j), 16, fmt.Sprint("_", j))
	}
	t.Op("RET")
	t.Label("part")
	t.Op("CMP $4, %s", n)
	t.Op("BLT lane")
	finish(t.column(0), 16, "_part")
	for i := range t.Rows {
		for j := 1; j < t.Vectors; j++ {
			t.Op("VORR V%d.B16, V%d.B16, V%d.B16", t.Sum(i, j), t.Sum(i, j), t.Sum(i, j-1))
		}
	}
	t.Op("SUB $4, %s", n)
	t.Op("B part")
	t.Label("lane")
	t.Op("CBZ %s, done", n)
	for i := range t.Rows { // finish changes all lanes: it gets a copy
		x, y := t.Sum(i, 0), t.Sum(i, 1)
		t.Op("VORR V%d.B16, V%d.B16, V%d.B16", x, x, y)
		t.Op("VEXT $4, V%d.B16, V%d.B16, V%d.B16", x, x, x)
	}
	finish(t.column(1), 4, "_lane")
	t.Op("SUB $1, %s", n)
	t.Op("B lane")
	t.Label("done")
	t.Op("RET")
}
