// Package isa says which instructions the kernels may use on this CPU, and
// holds the row that every kernel table prints. It is a leaf.
package isa

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
)

// Env is the environment variable that lowers what Has reports: "generic"
// (no extension), or a comma-separated list of the extensions to keep, as
// Detected spells them. It never adds what the CPU lacks.
const Env = "ASSAY_CPU"

// A Row is one implementation of one operator, as kernel tables list it.
type Row struct {
	Operator string // package and function, for example "gemm.F32"
	Variant  string // <isa>_<mr>x<nr>
	Usable   bool   // this CPU has the instructions
	Chosen   bool   // what runs: the first usable row
}

// Rows returns one Row for each of n variants, best first, and marks the
// first usable one as chosen.
func Rows(operator string, n int, variant func(i int) (name string, usable bool)) []Row {
	var out []Row
	chosen := false
	for i := range n {
		name, usable := variant(i)
		out = append(out, Row{operator, name, usable, usable && !chosen})
		chosen = chosen || usable
	}
	return out
}

// First returns the first usable variant of a table, best first: what runs. It
// panics where there is none, which a table that ends with its reference,
// always usable, excludes.
func First[V any](variants []V, usable func(*V) bool) *V {
	for i := range variants {
		if usable(&variants[i]) {
			return &variants[i]
		}
	}
	panic("isa: a table without a usable variant")
}

// HalfPanel reports whether n columns cut into panels of 32 would be filled up
// with 16 columns of zeros or more, and are so few that this costs more than
// tiles of 16 columns, which load 13 vectors for 12 multiplications.
func HalfPanel(n int) bool { return (n+15)/16%2 == 1 && n <= 112 }

var enabled, warning = choose(detect(), os.Getenv(Env))

// Has reports whether the extension called name ("avx2", "dotprod", …) may be
// used: the CPU has it and ASSAY_CPU does not exclude it.
func Has(name string) bool { return slices.Contains(enabled, name) }

// Enabled returns the extensions in use, sorted, and a warning where
// ASSAY_CPU names something that this CPU lacks.
func Enabled() ([]string, error) { return slices.Clone(enabled), warning }

// Detected returns the extensions that this CPU has, sorted, whatever
// ASSAY_CPU says.
func Detected() []string { return detect() }

// choose applies the value of ASSAY_CPU to what was detected.
func choose(have []string, want string) ([]string, error) {
	switch want {
	case "":
		return have, nil
	case "generic":
		return nil, nil
	}
	var out, missing []string
	for _, w := range strings.Split(want, ",") {
		switch w = strings.TrimSpace(w); {
		case w == "" || w == "generic":
		case slices.Contains(have, w):
			out = append(out, w)
		default:
			missing = append(missing, w)
		}
	}
	slices.Sort(out)
	if missing != nil {
		return out, fmt.Errorf("%s: this %s CPU has no %s (have %s)", Env, runtime.GOARCH,
			strings.Join(missing, ", "), strings.Join(append([]string{"generic"}, have...), ", "))
	}
	return out, nil
}
