package main

import (
	"bytes"
	"cmp"
	"context"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"assay/bench/stat/watch"
	"assay/reports"
	"assay/reports/regress"
	"assay/reports/render"
	"assay/reports/store"

	"github.com/spf13/cobra"
)

// courseFlags are the flags of report --history.
type courseFlags struct {
	on    bool
	runs  reports.Filter
	since time.Duration
}

func (f *courseFlags) add(c *cobra.Command) {
	fl := c.Flags()
	fl.BoolVar(&f.on, "history", false, "the pages on all series: what changed and what fails first, then a page for every class of devices")
	fl.StringVar(&f.runs.Suite, "suite", "", "with --history: runs of this suite")
	fl.StringVar(&f.runs.Device, "device", "", "with --history: runs on this device (id or name)")
	fl.DurationVar(&f.since, "since", 90*24*time.Hour, "with --history: runs not older than this; 0 is all")
}

// check refuses flags that do not go together.
func (f *courseFlags) check(args []string, format string) error {
	switch {
	case !f.on && (f.runs.Suite != "" || f.runs.Device != ""):
		return usage("--suite and --device choose the runs of --history")
	case f.on && len(args) > 0:
		return usage("--history is about all runs: name none, or leave it out")
	case f.on && format != "html":
		return usage("--history is a page: it has no format but html (assay history has others)")
	}
	return nil
}

// write writes the page to out, or where it lies by default.
func (f *courseFlags) write(c *cobra.Command, path, out string) error {
	if out == "" {
		name := "history"
		if f.runs.Suite != "" {
			name += "-" + f.runs.Suite
		}
		var err error
		if out, err = reportPath(path, name); err != nil {
			return err
		}
	}
	db, err := openStore(c.Context(), path)
	if err != nil {
		return err
	}
	if db == nil {
		return usage("--store none leaves nothing to look in")
	}
	defer db.Close()
	course, err := f.course(c.Context(), db)
	if err != nil {
		return err
	}
	log, err := db.Log(c.Context(), reports.Filter{Suite: f.runs.Suite, Device: f.runs.Device})
	if err != nil {
		return err
	}
	course.Mark(regress.Find(log, regress.Options{Plan: watch.Standard, Since: f.runs.Since}), reports.Failing{Course: course})
	return f.pages(c, course, out)
}

// pages writes the course: on one page where there is one class of devices, or
// one place to write to; else each class on a page of its own beside the page
// that says what changed in any of them.
func (f *courseFlags) pages(c *cobra.Command, course *reports.Course, out string) error {
	var buf bytes.Buffer
	o := render.CourseOptions{Suite: f.runs.Suite, Page: beside(out)}
	if out == "-" {
		if err := render.Course(&buf, course, o); err != nil {
			return err
		}
		_, err := c.OutOrStdout().Write(buf.Bytes())
		return err
	}
	if classes := course.Classes(); len(classes) > 1 {
		files := classPages(out, classes)
		of := o
		of.Home = address(out)
		for _, x := range classes {
			buf.Reset()
			if err := render.Course(&buf, x, of); err != nil {
				return err
			}
			if err := save(c.ErrOrStderr(), "a class is", files[x.Devices[0].Class], buf.Bytes()); err != nil {
				return err
			}
		}
		o.Class = func(class string) string { return address(files[class]) }
		buf.Reset()
	}
	if err := render.Course(&buf, course, o); err != nil {
		return err
	}
	return save(c.ErrOrStderr(), "the report is", out, buf.Bytes())
}

// classPages are where the pages of classes lie, beside out: "history.html" has
// "history.jetson-orin.html".
func classPages(out string, classes []*reports.Course) map[string]string {
	files, taken, ext := map[string]string{}, map[string]bool{}, filepath.Ext(out)
	for _, x := range classes {
		class := x.Devices[0].Class
		name := cmp.Or(fileName(class), "unclassed")
		for taken[name] { // "a b" and "a/b" are both a_b
			name += "_"
		}
		taken[name] = true
		files[class] = strings.TrimSuffix(out, ext) + "." + name + ext
	}
	return files
}

// address leads to a file from a page in its folder.
func address(file string) string { return (&url.URL{Path: filepath.Base(file)}).EscapedPath() }

// course reads the runs that are not older than --since.
func (f *courseFlags) course(ctx context.Context, db *store.SQLite) (*reports.Course, error) {
	if f.since > 0 {
		f.runs.Since = time.Now().Add(-f.since)
	}
	return reports.ReadCourse(ctx, db, f.runs)
}

// beside finds the reports of runs in the folder that a page goes to.
func beside(out string) func(run string) string {
	return func(run string) string {
		name := fileName(run) + ".html"
		if _, err := os.Stat(filepath.Join(filepath.Dir(out), name)); err != nil || out == "-" {
			return ""
		}
		return address(name)
	}
}
