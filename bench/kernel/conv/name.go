package conv

// Variant names the implementation that c runs, and for one that multiplies
// matrices that of the product: "gemm avx512_12x32".
func (c *Conv) Variant() string {
	if len(c.groups) > 0 {
		return c.v.name + " " + c.groups[0].Variant()
	}
	return c.v.name
}
