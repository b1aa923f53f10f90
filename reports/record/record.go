// Package record writes results for other programs and reads them back: one
// file per form. JSON lines hold everything; the flat forms (CSV, Parquet)
// hold a row per run, case and metric; the Go benchmark format holds trials.
// What a form cannot hold is said in the warnings of a run read from it, so
// that nobody takes a copy for the whole.
package record

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"assay/bench"
)

// A Form is one way to write results down.
type Form struct {
	Name string
	Doc  string

	Write func(w io.Writer) Writer
	Read  func(r io.Reader, o Origin, each func(*bench.Result) error) error
}

// A Writer takes results one after another. Close writes what is left; it
// does not close what lies below.
type Writer interface {
	Write(r *bench.Result) error
	Close() error
}

// An Origin is what a reader knows of a file besides its content.
type Origin struct {
	Name     string    // in messages
	Modified time.Time // the time of runs whose form has none
	Device   string    // names the device of runs whose form has none
}

var forms []Form

// Register adds a form; it panics on a second one of the same name.
func Register(f Form) {
	if slices.Contains(Names(), f.Name) {
		panic(fmt.Sprintf("form %q registered twice", f.Name))
	}
	forms = append(forms, f)
	slices.SortFunc(forms, func(a, b Form) int { return strings.Compare(a.Name, b.Name) })
}

// Names returns the forms' names, sorted.
func Names() []string {
	out := make([]string, len(forms))
	for i, f := range forms {
		out[i] = f.Name
	}
	return out
}

// Lookup returns the form called name.
func Lookup(name string) (Form, error) {
	for _, f := range forms {
		if f.Name == name {
			return f, nil
		}
	}
	return Form{}, fmt.Errorf("unknown form %q (have %s)", name, strings.Join(Names(), ", "))
}

// endings are what files of the forms are called.
var endings = map[string]string{
	".csv": "csv", ".parquet": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".bench": "gobench", ".txt": "gobench",
}

// Guess names the form of a file by the end of its name; "" where that does
// not tell.
func Guess(file string) string {
	if i := strings.LastIndexByte(file, '.'); i >= 0 {
		return endings[strings.ToLower(file[i:])]
	}
	return ""
}
