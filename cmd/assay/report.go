package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"assay/bench"
	"assay/bench/verdict"
	"assay/reports"
	"assay/reports/render"
	"assay/reports/store"

	"github.com/spf13/cobra"
)

func newReport() *cobra.Command {
	var path, format, out string
	var o reports.CompareOptions
	var h courseFlags
	c := &cobra.Command{
		Use:   "report [RUN [RUN]]",
		Short: "Write the HTML report on a run, on what changed between two, or on all (--history)",
		Long: `Report writes one page that needs nothing else: the verdict, the table, plots,
doubts, and everything that is known of each case. With two runs it says what
changed from the first to the second, as assay compare does. With --history it
shows every series over the stored runs: what changed and what fails first, then
each class of devices with trends, levels, and what changed besides the numbers.

A run is an id, the beginning of one, latest (the default), or a JSON file. The
page lies in the folder reports beside the store unless -o says otherwise.`,
		Example: "  assay report\n  assay report 3c38ade1 latest -o release.html\n  assay report --history --suite nightly",
		Args:    cobra.MaximumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			if err := h.check(args, format); err != nil {
				return err
			}
			if h.on {
				return h.write(c, path, out)
			}
			name, body, err := makeReport(c, args, path, format, o)
			if err != nil {
				return err
			}
			if out == "" && format == "html" {
				if out, err = reportPath(path, name); err != nil {
					return err
				}
			}
			if out == "" || out == "-" {
				_, err := c.OutOrStdout().Write(body)
				return err
			}
			return save(c.ErrOrStderr(), "the report is", out, body)
		},
	}
	fl := c.Flags()
	fl.StringVarP(&out, "output", "o", "", "file to write, - for stdout (default reports/RUN.html beside the store; stdout for other formats)")
	fl.StringVar(&format, "format", "html", "output format: "+strings.Join(render.Formats(), ", "))
	fl.StringVar(&path, "store", "", "SQLite file (default $ASSAY_STORE or the user's data folder)")
	fl.BoolVar(&o.CrossDevice, "cross-device", false, "compare runs of different devices")
	h.add(c)
	return c
}

// makeReport renders one run or the comparison of two, and names the result.
func makeReport(c *cobra.Command, args []string, path, format string, o reports.CompareOptions) (name string, body []byte, err error) {
	f, err := render.Lookup(format)
	if err != nil {
		return "", nil, usage("%v", err)
	}
	if len(args) == 2 && f.Compare == nil {
		return "", nil, usage("format %s cannot show a comparison (have %s)", format, strings.Join(render.CompareFormats(), ", "))
	}
	if len(args) == 0 {
		args = []string{"latest"}
	}
	var runs []*bench.Result
	for _, a := range args {
		r, err := loadRun(c.Context(), path, a)
		if err != nil {
			return "", nil, err
		}
		runs = append(runs, r)
	}
	var buf bytes.Buffer
	ro := render.Options{Width: width(c.OutOrStdout(), 120)}
	if len(runs) == 1 {
		err = f.Result(&buf, runs[0], ro)
		return runs[0].Run, buf.Bytes(), err
	}
	cmp, err := reports.CompareWith(runs[0], runs[1], o)
	if err != nil {
		return "", nil, err
	}
	err = f.Compare(&buf, cmp, ro)
	return runs[0].Run + "-" + runs[1].Run, buf.Bytes(), err
}

// reportPath is where the report called name lies by default: beside the store.
func reportPath(db, name string) (string, error) {
	if db == "none" {
		return "", usage("--store none leaves no place for the report: say where with -o")
	}
	if db == "" {
		var err error
		if db, err = store.Path(); err != nil {
			return "", err
		}
	}
	return filepath.Join(filepath.Dir(db), "reports", fileName(name)+".html"), nil
}

// fileName makes a file's name of a run's id, which may come from a file of
// somebody else's: nothing of it leaves the folder.
func fileName(id string) string {
	name := strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' {
			return c
		}
		return '_'
	}, id)
	return name[:min(len(name), 100)]
}

// save writes a file whole or not at all, and says where it is.
func save(talk io.Writer, what, path string, body []byte) error {
	err := saveBy(path, func(w io.Writer) error { _, err := w.Write(body); return err })
	if err == nil {
		fmt.Fprintf(talk, "%s %s\n", what, path)
	}
	return err
}

// saveBy writes a file whole or not at all.
func saveBy(path string, write func(io.Writer) error) (err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	f, err := os.CreateTemp(dir, ".report-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
			err = fmt.Errorf("write %s: %w", path, err)
		}
	}()
	err = write(f)
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// addReports adds the flags of the files that run and gate write.
func (f *runFlags) addReports(c *cobra.Command) {
	c.Flags().StringVar(&f.report, "report", "", `HTML report, or "none" (default reports/RUN.html beside the store)`)
	c.Flags().StringVar(&f.junit, "junit", "", "also write the verdicts for CI systems, as JUnit XML, to this file")
}

// writeReport writes the HTML report. A run that was read, not measured, has
// one already: it is written again only where asked.
func (f *runFlags) writeReport(c *cobra.Command, r *bench.Result, measured bool) error {
	path := f.report
	if path == "" && measured && f.store != "none" {
		var err error
		if path, err = reportPath(f.store, r.Run); err != nil {
			return err
		}
	}
	if path == "" || path == "none" {
		return nil
	}
	var buf bytes.Buffer
	if err := render.Render(&buf, "html", r, render.Options{}); err != nil {
		return err
	}
	return save(c.ErrOrStderr(), "the report is", path, buf.Bytes())
}

// writeJUnit writes the verdicts of a run, and those against an earlier one,
// where asked.
func (f *runFlags) writeJUnit(c *cobra.Command, r *bench.Result, against []verdict.Verdict) error {
	if f.junit == "" || r == nil {
		return nil
	}
	var buf bytes.Buffer
	if err := render.JUnit(&buf, r, against); err != nil {
		return err
	}
	return save(c.ErrOrStderr(), "the verdicts are in", f.junit, buf.Bytes())
}
