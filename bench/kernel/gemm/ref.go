package gemm

// ref is the readable reference: B is packed in panels of one column, which
// is B transposed.
func ref(c []float32, ldc int, a A, b []float32, m, n, k int) {
	_, each := a.split(k)
	for i := range m {
		for j := range n {
			var sum float32
			for p := range k {
				sum += a.Data[i*a.Stride+p/each*a.Skip+p%each] * b[j*k+p]
			}
			c[i*ldc+j] = sum
		}
	}
}
