package qgemm

// Variant names the implementation that multiplies by p.
func (p *B) Variant() string { return p.v.name }
