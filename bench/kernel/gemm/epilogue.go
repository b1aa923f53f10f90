package gemm

import "math"

// An Epilogue is what follows a product, element by element:
// c[i,j] = clamp(c[i,j] + Bias[j] + Add[i,j], Lo, Hi). NaN stays NaN.
type Epilogue struct {
	Bias   []float32 // one per column, or nil
	Add    []float32 // the shape and strides of C, or nil
	Lo, Hi float32   // −Inf and +Inf where there is no bound
}

// None returns the epilogue that changes nothing.
func None() Epilogue {
	return Epilogue{Lo: float32(math.Inf(-1)), Hi: float32(math.Inf(1))}
}

// Clamps reports whether there is a bound.
func (e *Epilogue) Clamps() bool {
	return !math.IsInf(float64(e.Lo), -1) || !math.IsInf(float64(e.Hi), 1)
}

// rowBlock is how many rows finished multiplies at once, so that they are
// finished while they are in L1.
const rowBlock = 16

// finished makes a kernel of a product without an epilogue.
func finished(product func(c []float32, ldc int, a A, b []float32, m, n, k int)) kernel {
	return func(c []float32, ldc int, a A, b []float32, m, n, k int, ep Epilogue) {
		for i := 0; i < m; i += rowBlock {
			rows := min(rowBlock, m-i)
			product(c[i*ldc:], ldc, a.from(i), b, rows, n, k)
			ep.apply(c, ldc, i, rows, n)
		}
	}
}

// apply finishes rows [from, from+rows) of c.
func (e *Epilogue) apply(c []float32, ldc, from, rows, n int) {
	clamps := e.Clamps()
	for i := from; i < from+rows; i++ {
		row := c[i*ldc:][:n]
		if e.Bias != nil {
			for j, b := range e.Bias[:len(row)] {
				row[j] += b
			}
		}
		if e.Add != nil {
			for j, v := range e.Add[i*ldc:][:len(row)] {
				row[j] += v
			}
		}
		if clamps {
			e.Clamp(row)
		}
	}
}

// Clamp bounds every element of row.
func (e *Epilogue) Clamp(row []float32) {
	lo, hi := e.Lo, e.Hi
	for j, v := range row {
		if v < lo {
			v = lo
		}
		if v > hi {
			v = hi
		}
		row[j] = v
	}
}
