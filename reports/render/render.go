// Package render writes results for people and programs: one file per format,
// each registered by its init. Numbers arrive in base units and leave with
// prefixes; the shape of the table is that of docs/design.md, "What a person
// sees", the JSON form that of docs/results.md.
package render

import (
	"fmt"
	"io"
	"sort"
	"strings"

	"assay/bench"
	"assay/reports"
	"assay/reports/regress"
)

// Options say for whom is written.
type Options struct {
	Width   int    // columns of the table; 0 is 120, less than 60 is 60
	Color   bool   // basic ANSI colours; words carry the meaning without them
	ASCII   bool   // no character outside ASCII
	Details bool   // tails, cold starts, throughput and controls, in a second table
	Home    string // address that an HTML page leads back to, "" for none
}

// width is the usable number of columns.
func (o Options) width() int {
	if o.Width <= 0 {
		return 120
	}
	return max(o.Width, 60)
}

// A Format writes results, listings and comparisons. History and Compare may
// be nil where a format has no use for them.
type Format struct {
	Name    string
	Doc     string // one line, for help texts
	Result  func(w io.Writer, r *bench.Result, o Options) error
	History func(w io.Writer, h *reports.History, o Options) error
	Compare func(w io.Writer, c *reports.Comparison, o Options) error

	// Regressions may be nil too.
	Regressions func(w io.Writer, r *regress.Report, o Options) error
}

var formats = map[string]Format{}

// Register adds a format; it panics on a second one of the same name.
func Register(f Format) {
	if _, ok := formats[f.Name]; ok {
		panic(fmt.Sprintf("format %q registered twice", f.Name))
	}
	formats[f.Name] = f
}

// Formats returns the names of the formats, sorted.
func Formats() []string {
	return names(func(Format) bool { return true })
}

// HistoryFormats returns the formats that can write a history.
func HistoryFormats() []string {
	return names(func(f Format) bool { return f.History != nil })
}

// CompareFormats returns the formats that can write a comparison.
func CompareFormats() []string {
	return names(func(f Format) bool { return f.Compare != nil })
}

func names(keep func(Format) bool) []string {
	var out []string
	for n, f := range formats {
		if keep(f) {
			out = append(out, n)
		}
	}
	sort.Strings(out)
	return out
}

// Lookup returns the format called name.
func Lookup(name string) (Format, error) {
	if f, ok := formats[name]; ok {
		return f, nil
	}
	return Format{}, fmt.Errorf("unknown format %q (have %s)", name, strings.Join(Formats(), ", "))
}

// Render writes r in the named format.
func Render(w io.Writer, format string, r *bench.Result, o Options) error {
	f, err := Lookup(format)
	if err != nil {
		return err
	}
	return f.Result(w, r, o)
}

// History writes the course of one or more series in the named format.
func History(w io.Writer, format string, h *reports.History, o Options) error {
	f, err := Lookup(format)
	if err != nil {
		return err
	}
	if f.History == nil {
		return fmt.Errorf("format %s cannot show a history (have %s)", format, strings.Join(HistoryFormats(), ", "))
	}
	return f.History(w, h, o)
}

// Comparison writes a comparison of two runs in the named format.
func Comparison(w io.Writer, format string, c *reports.Comparison, o Options) error {
	f, err := Lookup(format)
	if err != nil {
		return err
	}
	if f.Compare == nil {
		return fmt.Errorf("format %s cannot show a comparison (have %s)", format, strings.Join(CompareFormats(), ", "))
	}
	return f.Compare(w, c, o)
}
