package qgemm

// ref is the readable reference: B is packed in panels of one column, which
// is B transposed.
func ref(p *B, c []int32, ldc int, a Matrix, m int, _ []int64) {
	for i := range m {
		for j := range p.N {
			var sum int32
			for x := range p.K {
				v := int32(a.Data[i*a.Stride+x])
				if a.Signed {
					v = int32(int8(v))
				}
				sum += (v - a.Zero) * int32(p.data[j*p.K+x])
			}
			c[i*ldc+j] = sum
		}
	}
}
