package int4

// ref is the readable reference.
func ref(t tile) {
	m := t.m
	w := m.data[t.panel*m.padded()/2:][:m.padded()/2]
	var sum float32
	for b := range m.blocks {
		var dot float32
		x := t.x[b*m.Block:][:m.Block]
		for i, v := range x {
			q := w[(b*m.Block+i)/8*4+i%4] >> (i % 8 / 4 * 4) & 15
			dot += v * float32(q)
		}
		at := t.panel*m.blocks + b
		sum += m.scales[at] * (dot - float32(m.zeros[at])*t.info[b])
	}
	if t.bias != nil {
		sum += t.bias[0]
	}
	t.y[0] = sum
}
