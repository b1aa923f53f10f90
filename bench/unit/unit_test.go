package unit

import (
	"math"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestFormat(t *testing.T) {
	for _, c := range []struct {
		value float64
		unit  string
		want  string
	}{
		{152e-6, "sec", "152 µs"},
		{1.52e-3, "sec", "1.52 ms"},
		{15.2, "sec", "15.2 s"},
		{1520, "sec", "1,520 s"},
		{3.1e-8, "sec", "31.0 ns"},
		{2e-10, "sec", "0.200 ns"},
		{999.6e-6, "sec", "1.00 ms"}, // rounds up into the next prefix
		{9.996e-3, "sec", "10.0 ms"},
		{-1.52e-3, "sec", "−1.52 ms"},
		{0, "sec", "0 s"},
		{31.2e6, "B", "31.2 MB"},
		{305e3, "B", "305 kB"},
		{77, "B", "77 B"},
		{1e16, "B", "10,000 TB"},
		{0.0042, "J", "4.20 mJ"},
		{2.5, "W", "2.50 W"},
		{45e-9, "J·sec", "45.0 nJ·s"},
		{0.3e-12, "J·sec", "0.300 pJ·s"},
		{2.5, "J·sec", "2.50 J·s"},
		{812.4, "1/J", "812 /J"},
		{1.25e6, "1/J", "1,250,000 /J"},
		{2.4e9, "Hz", "2.40 GHz"},
		{1.58, "x", "1.58×"},
		{0.994, "x", "0.99×"},
		{0.9996, "x", "1.00×"},
		{12.345, "x", "12.3×"},
		{0.29, "x", "0.29×"},
		{0.0532, "x", "0.0532×"},
		{0, "x", "0.00×"},
		{0.9261, "ratio", "92.61 %"},
		{1, "ratio", "100.00 %"},
		{-0.06, "pt", "−0.06 pt"},
		{-0.001, "pt", "0.00 pt"}, // no minus without a digit
		{1234.4, "1/sec", "1,234 /s"},
		{12.34, "1/sec", "12.3 /s"},
		{78666, "1", "78,666"},
		{1234567, "1", "1,234,567"},
		{0.5, "1", "0.500"},
		{0.000025, "1", "2.5e−05"},
		{41.26, "dB", "41.3 dB"},
		{3, "frames", "3 frames"},
		{math.NaN(), "sec", "? s"},
		{math.Inf(1), "x", "∞×"},
		{math.Inf(-1), "B", "−∞ B"},
	} {
		if got := Format(c.value, c.unit); got != c.want {
			t.Errorf("Format(%v, %q) = %q, want %q", c.value, c.unit, got, c.want)
		}
	}
}

func TestOtherForms(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{Signed(-1.4e6, "B"), "−1.4 MB"},
		{Signed(20e3, "B"), "+0.0 MB"},
		{Signed(-20e3, "B"), "+0.0 MB"},
		{Signed(31.2e6, "B"), "+31.2 MB"},
		{Signed(0.24, "pt"), "+0.24 pt"},
		{Signed(-0.41, "pt"), "−0.41 pt"},
		{Precise(1.002), "1.002×"},
		{PlusMinus(-0.2, "pt"), "±0.20 pt"},
		{PlusMinus(0.01, "x"), "±1 %"},
		{PlusMinus(0.004, "x"), "±0.4 %"},
		{PlusMinus(2e-6, "sec"), "±2.00 µs"},
		{Count(10000), "10,000"},
		{Count(-10000), "−10,000"},
		{Fixed(-3.14159, 2), "−3.14"},
		{Detailed(33.0004e-3, "sec", 6), "33.0004 ms"},
		{Detailed(0.92004, "ratio", 4), "92.004 %"},
		{Detailed(1000.2, "1/sec", 4), "1000.2 /s"},
		{Detailed(1000.2, "1/sec", -1), "1000 /s"},
		{Detailed(1000.2, "1/J", 4), "1000.2 /J"},
		{Detailed(45.123e-9, "J·sec", 5), "45.123 nJ·s"},
		{Detailed(0, "sec", 4), "0 s"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		text string
		want float64
		base string
	}{
		{"33ms", 0.033, "sec"},
		{"33 ms", 0.033, "sec"},
		{"150us", 150e-6, "sec"},
		{"150µs", 150e-6, "sec"},
		{"150μs", 150e-6, "sec"},
		{"2s", 2, "sec"},
		{"1min", 60, "sec"},
		{"0.8x", 0.8, "x"},
		{"1.5×", 1.5, "x"},
		{"-1pt", -1, "pt"},
		{"−1 pt", -1, "pt"},
		{"+0.5pt", 0.5, "pt"},
		{"10MB", 10e6, "B"},
		{"40MiB", 40 << 20, "B"},
		{"77B", 77, "B"},
		{"1e3kB", 1e6, "B"},
		{"92%", 0.92, "ratio"},
		{"5mJ", 0.005, "J"},
		{"1Wh", 3600, "J"},
		{"2.5W", 2.5, "W"},
		{"45nJ·s", 45e-9, "J·sec"},
		{"45 µJ*s", 45e-6, "J·sec"},
		{"2mJs", 2e-3, "J·sec"},
		{"1J·s", 1, "J·sec"},
		{"800/J", 800, "1/J"},
		{"1.2k/J", 1200, "1/J"},
		{"100/s", 100, "1/sec"},
		{"30dB", 30, "dB"},
		{"80k", 80000, "1"},
		{".5", 0.5, "1"},
		{" 7 ", 7, "1"},
	} {
		v, base, err := Parse(c.text)
		if err != nil || base != c.base || math.Abs(v-c.want) > 1e-12*math.Abs(c.want) {
			t.Errorf("Parse(%q) = %v, %q, %v, want %v, %q", c.text, v, base, err, c.want, c.base)
		}
	}
	for _, c := range []struct{ text, want string }{
		{"", "does not begin with a number"},
		{"fast", "does not begin with a number"},
		{"-", "does not begin with a number"},
		{"1/s", ""}, // one per second
		{"1.2.3ms", "is not a number"},
		{"1e999", "is not a number"},
		{"1e308TB", "too large"},
		{"1/J", ""}, // one per joule
		{"33mS", `did you mean "ms"?`},
		{"33furlongs", "unknown unit"},
		{"0.8e", "unknown unit"},
	} {
		_, _, err := Parse(c.text)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("Parse(%q): %v", c.text, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("Parse(%q): error %v, want one with %q", c.text, err, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"33ms", "-1pt", "92%", "1/s", "1/J", "2mJ*s", "1e", "", "−5 µs", "0x1p-2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, base, err := Parse(s)
		if err != nil {
			return
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			t.Errorf("Parse(%q) = %v", s, v)
		}
		if out := Format(v, base); !utf8.ValidString(out) || out == "" {
			t.Errorf("Format(%v, %q) = %q", v, base, out)
		}
	})
}

func FuzzFormat(f *testing.F) {
	f.Add(math.Copysign(0, -1), 3)
	f.Add(999.4999e-6, 0)
	f.Add(5e-324, 1)
	units := []string{"sec", "B", "J", "W", "Hz", "J·sec", "1/J", "ratio", "x", "pt", "1/sec", "1", "dB", "frames"}
	f.Fuzz(func(t *testing.T, v float64, n int) {
		u := units[uint(n)%uint(len(units))]
		for _, out := range []string{Format(v, u), Signed(v, u), PlusMinus(v, u), Detailed(v, u, n%8)} {
			if out == "" || strings.Contains(out, "-") || !utf8.ValidString(out) {
				t.Errorf("%v %s is printed as %q", v, u, out)
			}
		}
	})
}
