package gemm

// ref is the readable reference: B is packed in panels of one column, which
// is B transposed.
func ref(c []float32, ldc int, a []float32, lda int, b []float32, m, n, k int) {
	for i := range m {
		for j := range n {
			var sum float32
			for p := range k {
				sum += a[i*lda+p] * b[j*k+p]
			}
			c[i*ldc+j] = sum
		}
	}
}
