package qgemm

// ref is the readable reference: B is packed in panels of one column, which
// is B transposed.
func ref(c []int32, ldc int, a Matrix, b []int8, m, n, k int, _ []int64) {
	for i := range m {
		for j := range n {
			var sum int32
			for p := range k {
				v := int32(a.Data[i*a.Stride+p])
				if a.Signed {
					v = int32(int8(v))
				}
				sum += (v - a.Zero) * int32(b[j*k+p])
			}
			c[i*ldc+j] = sum
		}
	}
}
