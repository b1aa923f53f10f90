package isa

import (
	"slices"
	"testing"
)

func TestChoose(t *testing.T) {
	have := []string{"avx2", "fma"}
	for _, c := range []struct {
		env  string
		want []string
		warn bool
	}{
		{"", have, false},
		{"generic", nil, false},
		{"fma", []string{"fma"}, false},
		{" fma , avx2", have, false},
		{"avx9000,avx2", []string{"avx2"}, true},
	} {
		got, err := choose(have, c.env)
		if !slices.Equal(got, c.want) || (err != nil) != c.warn {
			t.Errorf("choose(%q) = %v, %v; want %v, warning %v", c.env, got, err, c.want, c.warn)
		}
	}
}

func TestRowsChooseTheFirstUsable(t *testing.T) {
	rows := Rows("op", 3, func(i int) (string, bool) { return "v", i > 0 })
	for i, r := range rows {
		if r.Chosen != (i == 1) || r.Usable != (i > 0) || r.Operator != "op" {
			t.Errorf("row %d: %+v", i, r)
		}
	}
}

func TestHasAgreesWithEnabled(t *testing.T) {
	names, _ := Enabled()
	for _, n := range Detected() {
		if Has(n) != slices.Contains(names, n) {
			t.Errorf("Has(%q) = %v", n, Has(n))
		}
	}
	if Has("no such extension") {
		t.Error("an extension that does not exist is reported")
	}
}
