package verdict

import (
	"errors"
	"math"
	"strings"
	"testing"

	"assay/bench/metric"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		text, metric, op string
		limit            float64
		kind             Kind
		unit             string
	}{
		{"latency.p50 <= 0.8x", "latency.p50", "<=", 0.8, Relative, "x"},
		{"  latency.p99<=33ms ", "latency.p99", "<=", 0.033, Absolute, "sec"},
		{"latency.load <= 150 µs", "latency.load", "<=", 150e-6, Absolute, "sec"},
		{"top1 >= -1pt", "top1", ">=", -1, Points, "pt"},
		{"top1 >= −0.5 pt", "top1", ">=", -0.5, Points, "pt"},
		{"top1 >= 92%", "top1", ">=", 0.92, Absolute, "ratio"},
		{"top1 >= 0.92", "top1", ">=", 0.92, Absolute, "ratio"},
		{"agreement >= 99%", "agreement", ">=", 0.99, Absolute, "ratio"},
		{"sqnr >= 30dB", "sqnr", ">=", 30, Absolute, "dB"},
		{"memory.peak <= 1.1x", "memory.peak", "<=", 1.1, Relative, "x"},
		{"memory.peak <= 40MiB", "memory.peak", "<=", 40 << 20, Absolute, "B"},
		{"energy.net <= 0.7x", "energy.net", "<=", 0.7, Relative, "x"},
		{"energy.net <= 5mJ", "energy.net", "<=", 0.005, Absolute, "J"},
		{"size <= 0.3x", "size", "<=", 0.3, Relative, "x"},
		{"parameters <= 80k", "parameters", "<=", 80000, Absolute, "1"},
		{"throughput >= 1.2x", "throughput", ">=", 1.2, Relative, "x"},
		{"throughput >= 100/s", "throughput", ">=", 100, Absolute, "1/sec"},
	} {
		g, err := Parse(c.text)
		if err != nil {
			t.Errorf("Parse(%q): %v", c.text, err)
			continue
		}
		want := Gate{strings.TrimSpace(c.text), c.metric, c.op, c.limit, c.kind}
		if math.Abs(g.Limit-c.limit) < 1e-12 {
			g.Limit = c.limit
		}
		if g != want || g.Unit() != c.unit {
			t.Errorf("Parse(%q) = %+v in %q, want %+v in %q", c.text, g, g.Unit(), want, c.unit)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, c := range []struct {
		text   string
		column int
		want   string
	}{
		{"", 1, "have agreement, batch"},
		{"   ", 4, "no metric"},
		{"latncy.p50 <= 0.8x", 1, `unknown metric "latncy.p50" (have agreement,`},
		{" latncy <= 0.8x", 2, "unknown metric"},
		{"latency.p50", 12, `no limit: write it like "latency.p50 <= 0.8x"`},
		{"latency.p50 <= ", 16, `no limit: write it like "latency.p50 <= 0.8x"`},
		{"latency.p50 < 0.8x", 13, `write "<="`},
		{"latency.p50 ≤ 0.8x", 13, `write "<="`},
		{"top1 > 92%", 6, `write ">="`},
		{"top1 == 92%", 6, `compares with "<=" or ">="`},
		{"top1 != 92%", 6, `compares with "<=" or ">="`},
		{"latency.p50 >= 0.8x", 13, "better when it is lower, so its gate must be <="},
		{"top1 <= -1pt", 6, "better when it is higher, so its gate must be >="},
		{"latency.p50 <= fast", 16, "does not begin with a number"},
		{"latency.p50 <= 33 furlongs", 16, `unknown unit "furlongs"`},
		{"latency.p50 <= 33 MS", 16, `did you mean "ms"?`},
		{"latency.p50 <= 10MB", 16, `not compared in B: write it like "latency.p50 <= 0.8x"`},
		{"latency.p50 <= 1pt", 16, "not compared in points"},
		{"latency.p50 <= 3", 16, "not compared in a number without a unit"},
		{"latency.p50 <= -0.8x", 16, "must be above 0"},
		{"latency.p50 <= 0x", 16, "must be above 0"},
		{"top1 >= 0.99x", 9, `not compared in multiples of the baseline: write it like "top1 >= -1pt"`},
		{"top1 >= -101pt", 9, "between -100 and 100"},
		{"top1 >= 120%", 9, "between 0% and 100%"},
		{"agreement >= -1pt", 14, `write it like "agreement >= 99%"`},
		{"sqnr >= 1.1x", 9, `write it like "sqnr >= 30dB"`},
		{"size <= 40%", 9, "not compared in percent"},
	} {
		_, err := Parse(c.text)
		var pe *ParseError
		if !errors.As(err, &pe) {
			t.Errorf("Parse(%q): error %v, want a *ParseError", c.text, err)
			continue
		}
		if pe.Column != c.column || !strings.Contains(pe.Msg, c.want) {
			t.Errorf("Parse(%q): column %d, %q; want column %d, %q", c.text, pe.Column, pe.Msg, c.column, c.want)
		}
	}
}

// TestEveryMetricHasAGate walks the registry: the example in error messages
// must itself parse, so that adding a metric cannot leave it without a gate.
func TestEveryMetricHasAGate(t *testing.T) {
	for _, m := range metric.All() {
		if _, err := Parse(example(m)); err != nil {
			t.Errorf("%s: its own example does not parse: %v", m.Name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"latency.p50 <= 0.8x", "top1 >= −1pt", "size<=", "<=3", "latency.p99 ≤ 33ms", "top1 >= \xff%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		g, err := Parse(s)
		if err != nil {
			var pe *ParseError
			if !errors.As(err, &pe) || pe.Column < 1 || pe.Column > len(s)+1 {
				t.Fatalf("Parse(%q): %v", s, err)
			}
			return
		}
		again, err := Parse(g.Text)
		if err != nil || again != g {
			t.Fatalf("Parse(%q) = %+v, but its own text gives %+v, %v", s, g, again, err)
		}
	})
}
