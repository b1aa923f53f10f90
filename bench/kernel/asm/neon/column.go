package neon

// An Epilogue finishes columns of float32 sums: it adds Extra and Add, where
// they are not nil, and clamps. Temp, Lo and Hi are vector registers.
type Epilogue struct {
	*File
	Temp, Lo, Hi int
}

// Load loads the bounds.
func (e Epilogue) Load() {
	e.Broadcast("lo", e.Lo)
	e.Broadcast("hi", e.Hi)
}

// Column finishes sums of one column of bytes, 16 or 4, stores them at C and
// moves all pointers to the next column. FMAX and FMIN keep NaN.
func (e Epilogue) Column(sums []int, bytes int, label string) {
	e.Given(Extra, label, func() {
		e.LoadColumn(Extra, e.Temp, bytes)
		e.Op("ADD $%d, %s", bytes, Extra)
		for _, s := range sums {
			e.Word(FADD(s, s, e.Temp))
		}
	})
	e.Given(Add, label, func() {
		e.Op("MOVD %s, %s", Add, walk)
		for _, s := range sums {
			e.LoadColumn(walk, e.Temp, bytes)
			e.Op("ADD %s, %s", LDC, walk)
			e.Word(FADD(s, s, e.Temp))
		}
		e.Op("ADD $%d, %s", bytes, Add)
	})
	for _, s := range sums {
		e.Word(FMAX(s, s, e.Lo))
		e.Word(FMIN(s, s, e.Hi))
	}
	e.Store(sums, bytes)
}

// Given runs body where the pointer in a register is not nil.
func (f *File) Given(reg, label string, body func()) {
	f.Op("CBZ %s, no_%s%s", reg, reg, label)
	body()
	f.Label("no_" + reg + label)
}

// LoadColumn loads a column of bytes, 16 or 4; all lanes are the same where
// there is one.
func (f *File) LoadColumn(pointer string, to, bytes int) {
	op := map[int]string{16: "VLD1", 4: "VLD1R"}[bytes]
	f.Op("%s (%s), [V%d.S4]", op, pointer, to)
}

// Store stores sums of one column of bytes, 16 or 4, at C, rows LDC apart, and
// moves C to the next column.
func (f *File) Store(sums []int, bytes int) {
	op := map[int]string{16: "FMOVQ", 4: "FMOVS"}[bytes]
	f.Op("MOVD %s, %s", C, walk)
	for _, s := range sums {
		f.Op("%s F%d, (%s)", op, s, walk)
		f.Op("ADD %s, %s", LDC, walk)
	}
	f.Op("ADD $%d, %s", bytes, C)
}
