package main

import (
	"bytes"
	"context"
	"net/url"
	"os"
	"path/filepath"
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
	fl.BoolVar(&f.on, "history", false, "the page on all series: what changed and what fails first, then every class of devices")
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
	var buf bytes.Buffer
	if err := render.Course(&buf, course, render.CourseOptions{Suite: f.runs.Suite, Page: beside(out)}); err != nil {
		return err
	}
	if out == "-" {
		_, err := c.OutOrStdout().Write(buf.Bytes())
		return err
	}
	return save(c.ErrOrStderr(), "the report is", out, buf.Bytes())
}

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
		return (&url.URL{Path: name}).EscapedPath()
	}
}
