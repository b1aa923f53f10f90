// Command conformance runs ONNX's backend node tests on the native engine:
//
//	conformance -data DIR -list FILE   compare with what has passed before
//	conformance -update …              add what passes now to the list
//
// DIR holds one folder per test, with model.onnx and test_data_set_N, as
// Debian's libonnx-testdata has them. It prints passed, failed and unsupported
// per operator and ends with their sums. It fails where a test of the list no
// longer passes, or where any output is wrong.
//
// The engine fixes every shape when it opens a model, and packs parameters.
// A test that it refuses for an input that decides a shape (Reshape's shape,
// Slice's starts) or is a parameter is tried once more with its inputs of at
// most one dimension as constants, as deployed models have them.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run returns 0, 1 where something has got worse, and 2 for wrong usage.
func run(args []string, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("conformance", flag.ContinueOnError)
	fs.SetOutput(stderr)
	data := fs.String("data", "/usr/share/libonnx-testdata/data/node", "folder of the tests")
	list := fs.String("list", "", "file that lists the tests which pass")
	update := fs.Bool("update", false, "add what passes now to the list")
	verbose := fs.Bool("v", false, "say why each test did not pass")
	if err := fs.Parse(args); err != nil {
		return 2
	}
	if err := conform(*data, *list, *update, *verbose, stdout); err != nil {
		fmt.Fprintln(stderr, "conformance:", err)
		return 1
	}
	return 0
}

func conform(data, list string, update, verbose bool, w io.Writer) error {
	dirs, err := filepath.Glob(filepath.Join(data, "*", "model.onnx"))
	if err != nil || len(dirs) == 0 {
		return fmt.Errorf("no tests in %s (Debian: apt-get install libonnx-testdata)", data)
	}
	slices.Sort(dirs)
	var results []result
	for _, d := range dirs {
		results = append(results, try(filepath.Dir(d)))
	}
	if verbose {
		for _, r := range results {
			if r.word != passed {
				fmt.Fprintf(w, "%s: %s: %s\n", r.test, r.word, r.why)
			}
		}
	}
	worse, err := compare(results, list, update)
	if err != nil {
		return err
	}
	report(results, w)
	if worse != nil {
		return fmt.Errorf("tests that passed before do not pass: %s", strings.Join(worse, ", "))
	}
	if n := count(results, "", failed); n > 0 {
		return fmt.Errorf("%d tests give wrong outputs; what cannot be right must be refused", n)
	}
	return nil
}

// report prints a line per operator and the sums.
func report(results []result, w io.Writer) {
	var ops []string
	fixed := 0
	for _, r := range results {
		if !slices.Contains(ops, r.op) {
			ops = append(ops, r.op)
		}
		if r.fixed && r.word == passed {
			fixed++
		}
	}
	slices.Sort(ops)
	fmt.Fprintf(w, "%-32s %6s %6s %11s %8s\n", "operator", passed, failed, unsupported, excluded)
	for _, op := range ops {
		fmt.Fprintf(w, "%-32s %6d %6d %11d %8d\n", op, count(results, op, passed), count(results, op, failed), count(results, op, unsupported), count(results, op, excluded))
	}
	fmt.Fprintf(w, "\n%d tests, %d excluded (strings, sequences, optional, training); %d of those passed with small inputs as constants\n",
		len(results), count(results, "", excluded), fixed)
	fmt.Fprintf(w, "%d passed, %d failed, %d unsupported\n", count(results, "", passed), count(results, "", failed), count(results, "", unsupported))
}

// count counts the results of an operator, "" for all.
func count(results []result, op string, word word) int {
	n := 0
	for _, r := range results {
		if r.word == word && (op == "" || r.op == op) {
			n++
		}
	}
	return n
}

// compare returns the tests of the list that do not pass now. With update the
// list gets the new ones and keeps the old: it only grows.
func compare(results []result, list string, update bool) (worse []string, err error) {
	if list == "" {
		return nil, nil
	}
	b, err := os.ReadFile(list)
	if err != nil && !(update && os.IsNotExist(err)) {
		return nil, err
	}
	before := strings.Fields(string(b))
	var now []string
	for _, r := range results {
		if r.word == passed {
			now = append(now, r.test)
		}
	}
	for _, t := range before {
		if !slices.Contains(now, t) {
			worse = append(worse, t)
		}
	}
	if !update {
		return worse, nil
	}
	all := append(before, now...)
	slices.Sort(all)
	return worse, os.WriteFile(list, []byte(strings.Join(slices.Compact(all), "\n")+"\n"), 0o644)
}
