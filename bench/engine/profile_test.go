package engine

import "testing"

// TestRoof: a node is bound by its multiplications or its bytes, whichever
// take longer, at the bandwidth of the working set that holds it.
func TestRoof(t *testing.T) {
	r := Roof{Float: 1e9, Int8: 4e9, Copy: []Rate{{1000, 2e9}, {10000, 1e9}}}
	for _, c := range []struct {
		n                    Node
		multiply, move, part float64
	}{
		{Node{MACs: 5000, Bytes: 800, NS: 10000}, 5000, 400, 0.5},
		{Node{MACs: 5000, Bytes: 800, NS: 10000, Type: "uint8"}, 1250, 400, 0.125},
		{Node{Bytes: 2000, NS: 4000}, 0, 2000, 0.5},
		{Node{Bytes: 20000, NS: 40000}, 0, 20000, 0.5}, // beyond the largest set: its rate
		{Node{MACs: -1, Bytes: -1, NS: 5}, 0, 0, 0},
		{Node{MACs: 5000, Bytes: 1}, 5000, 0.5, 0}, // without a time there is no share
	} {
		nodes := []Node{c.n}
		r.Measure(nodes)
		if multiply, move := r.Bounds(&c.n); multiply != c.multiply || move != c.move || nodes[0].Share != c.part {
			t.Errorf("%+v: %v and %v ns, share %v; want %v, %v, %v", c.n, multiply, move, nodes[0].Share, c.multiply, c.move, c.part)
		}
	}
	if bw := (&Roof{}).Bandwidth(3); bw != 0 {
		t.Errorf("bandwidth of nothing measured: %v", bw)
	}
}
