package compress

import (
	"slices"
	"strings"
	"testing"

	"assay/models/onnx"
)

// unnamed returns conv → relu → conv → relu → pool → flatten → gemm with
// channels enough for every technique; the convolutions have no names.
func unnamed() *onnx.Model {
	b := newNet(-1, 4, 6, 6)
	b.conv("c", "x", 4, 32).Name = ""
	b.node("Relu", "r", []string{"c"})
	b.conv("d", "r", 32, 32).Name = ""
	b.node("Relu", "s", []string{"d"})
	b.node("GlobalAveragePool", "p", []string{"s"})
	b.node("Flatten", "f", []string{"p"})
	b.random("fc.w", 1, 32, 10)
	b.node("MatMul", "y", []string{"f", "fc.w"})
	return b.output("y")
}

func TestAssign(t *testing.T) {
	opt := Options{Forward: interpret, Calibration: sets(4, 4, 4, 6, 6)}
	m, names, err := Named(unnamed())
	if err != nil {
		t.Fatal(err)
	}
	if len(names) != 3 || names[0] == names[1] || slices.Contains(names, "") {
		t.Fatalf("names %q, want three different ones", names)
	}
	base := run(t, m, "y", opt)
	for _, c := range []struct {
		choice [3]string
		ops    map[string]int // operators that are in the result so often
		least  float64        // dB that the outputs keep
	}{
		{[3]string{"int8-qdq", "int8-dynamic", "int8-weights"}, map[string]int{"Conv": 1, "ConvInteger": 1, "MatMulNBits": 1}, 25},
		{[3]string{"", "int8-qdq", "int8-dynamic"}, map[string]int{"Conv": 2, "MatMulInteger": 1}, 25},
		{[3]string{"sparse-50", "sparse-30+int8-qdq", "int4"}, map[string]int{"Conv": 2, "MatMulNBits": 1}, 1},
		{[3]string{"low-rank-30", "", "int8-dynamic"}, map[string]int{"Conv": 3, "MatMulInteger": 1}, 1},
	} {
		choice := map[string]string{}
		for i, s := range c.choice {
			if s != "" {
				choice[names[i]] = s
			}
		}
		tech, err := Assign("plan", choice)
		if err != nil {
			t.Fatal(err)
		}
		out, r, err := tech.Apply(t.Context(), m, opt)
		if err != nil {
			t.Fatalf("%v: %v", c.choice, err)
		}
		for op, n := range c.ops {
			if got := count(out, op); got != n {
				t.Errorf("%v: %d %s, want %d", c.choice, got, op, n)
			}
		}
		if got := sqnr(base, run(t, out, "y", opt)); got < c.least {
			t.Errorf("%v: outputs keep %.1f dB, want %.0f", c.choice, got, c.least)
		}
		for i, s := range c.choice {
			j := slices.IndexFunc(r.Nodes, func(n NodeReport) bool { return n.Name == names[i] })
			if s == "" {
				continue
			}
			if j < 0 || !r.Nodes[j].Changed || !strings.Contains(r.Nodes[j].Reason, strings.Split(s, "+")[0]) {
				t.Errorf("%v: the report says %+v of %s", c.choice, r.Nodes[max(j, 0)], names[i])
			}
		}
	}
	for _, bad := range []map[string]string{nil, {names[0]: "int9"}} {
		if _, err := Assign("plan", bad); err == nil {
			t.Errorf("%v: assigned", bad)
		}
	}
}

func count(m *onnx.Model, op string) int {
	n := 0
	for _, x := range m.Graph.Nodes {
		if x.Op == op {
			n++
		}
	}
	return n
}
