package gemm

// An A is the left factor. Its rows begin Stride elements apart and may
// overlap. A row is Runs runs of equal length, which begin Skip elements
// apart: the patch of a convolution is one run per line of the image, so that
// it need not be gathered. Runs 0 stands for 1, a plain matrix.
type A struct {
	Data       []float32
	Stride     int
	Runs, Skip int
}

// split returns the runs of a row of k elements and the length of each.
func (a *A) split(k int) (runs, each int) {
	runs = max(a.Runs, 1)
	return runs, k / runs
}

// row returns what lies from row i on, and panics where the data end before
// row i+rows does.
func (a *A) row(i, rows, k int) []float32 {
	runs, each := a.split(k)
	if each == 0 {
		return nil
	}
	return a.Data[i*a.Stride:][:(rows-1)*a.Stride+(runs-1)*a.Skip+each]
}

// from returns the matrix from row i on.
func (a A) from(i int) A {
	a.Data = a.Data[i*a.Stride:]
	return a
}
