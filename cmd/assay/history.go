package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"assay/bench"
	"assay/reports"
	"assay/reports/render"
	"assay/reports/store"

	"github.com/spf13/cobra"
)

func newHistory() *cobra.Command {
	var path, format string
	var runs reports.Filter
	var series reports.SeriesFilter
	var since time.Duration
	var points bool
	var server influxFlags
	c := &cobra.Command{
		Use:     "history",
		Short:   "List stored runs, or one metric of a case over runs",
		Example: "  assay history\n  assay history --model resnet8 --variant int8-qdq --metric latency.p50",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			f, err := render.Lookup(format)
			if err != nil || f.History == nil {
				return usage("unknown format %q (have %s)", format, strings.Join(render.HistoryFormats(), ", "))
			}
			db, err := openHistory(c.Context(), path, &server)
			if err != nil {
				return err
			}
			defer db.Close()
			if since > 0 {
				runs.Since = time.Now().Add(-since)
			}
			points = series.Model != "" || series.Variant != "" || series.Engine != "" || series.Metric != ""
			var h reports.History
			if points {
				series.Suite, series.Device = runs.Suite, runs.Device
				h.Points, err = db.History(c.Context(), series, runs.Limit)
			} else {
				h.Runs, err = db.List(c.Context(), runs)
			}
			if err != nil {
				return err
			}
			return f.History(c.OutOrStdout(), &h, render.Options{Width: width(c.OutOrStdout(), 120), Color: colour(c.OutOrStdout())})
		},
	}
	fl := c.Flags()
	fl.StringVar(&path, "store", "", `SQLite file (default $ASSAY_STORE or the user's data folder), or "influx"`)
	server.add(fl)
	fl.StringVar(&format, "format", "table", "output format: "+strings.Join(render.HistoryFormats(), ", "))
	fl.StringVar(&runs.Suite, "suite", "", "runs of this suite")
	fl.StringVar(&runs.Device, "device", "", "runs on this device (id or name)")
	fl.IntVar(&runs.Limit, "limit", 20, "newest runs, or points of each series; 0 is all")
	fl.DurationVar(&since, "since", 0, "runs not older than this, for example 168h")
	fl.StringVar(&series.Model, "model", "", "series of this model")
	fl.StringVar(&series.Variant, "variant", "", "series of this variant")
	fl.StringVar(&series.Engine, "engine", "", "series of this engine")
	fl.StringVar(&series.Metric, "metric", "", "series of this metric, for example latency.p50")
	return c
}

// influxStore is the --store that names the InfluxDB which is set.
const influxStore = "influx"

// A historian remembers runs and series.
type historian interface {
	List(context.Context, reports.Filter) ([]reports.Run, error)
	History(context.Context, reports.SeriesFilter, int) ([]reports.Point, error)
	io.Closer
}

func openHistory(ctx context.Context, path string, f *influxFlags) (historian, error) {
	switch path {
	case "none":
		return nil, usage("--store none leaves nothing to look in")
	case influxStore:
		c, err := f.client()
		if err == nil && c == nil {
			err = usage(noInflux)
		}
		if err != nil {
			return nil, err
		}
		return c, nil
	}
	db, err := openStore(ctx, path)
	if err != nil {
		return nil, err
	}
	return db, nil
}

func newCompare() *cobra.Command {
	var path, format string
	var details bool
	var o reports.CompareOptions
	c := &cobra.Command{
		Use:   "compare RUN RUN",
		Short: "Compare two runs: ids (or their beginnings, or latest) or JSON files",
		Long: `Compare says what changed from the first run to the second, case by case.

It refuses what is not comparable and says why: other devices, other threads or
batch, no case in common. Across runs nothing was interleaved, so drift of the
device is inside the intervals: a change that matters is worth a run of its own.`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			f, err := render.Lookup(format)
			if err != nil || f.Compare == nil {
				return usage("unknown format %q (have %s)", format, strings.Join(render.CompareFormats(), ", "))
			}
			var r [2]*bench.Result
			for i, a := range args {
				if r[i], err = loadRun(c.Context(), path, a); err != nil {
					return err
				}
			}
			cmp, err := reports.CompareWith(r[0], r[1], o)
			if err != nil {
				return err
			}
			return f.Compare(c.OutOrStdout(), cmp, render.Options{Width: width(c.OutOrStdout(), 120), Color: colour(c.OutOrStdout()), Details: details})
		},
	}
	fl := c.Flags()
	fl.StringVar(&path, "store", "", "SQLite file (default $ASSAY_STORE or the user's data folder)")
	fl.StringVar(&format, "format", "table", "output format: "+strings.Join(render.CompareFormats(), ", "))
	fl.BoolVar(&details, "details", false, "also print metrics that did not change beyond doubt")
	fl.BoolVar(&o.CrossDevice, "cross-device", false, "compare runs of different devices")
	return c
}

// loadRun reads a run from a JSON file of that name, "-" for stdin, or else
// from the store.
func loadRun(ctx context.Context, path, name string) (*bench.Result, error) {
	if name == "-" {
		return render.ReadJSON(os.Stdin)
	}
	file, err := os.Open(name)
	if err == nil {
		defer file.Close()
		return readRun(name, file)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	db, err := openStore(ctx, path)
	if err != nil {
		return nil, err
	}
	if db == nil {
		return nil, usage("%s is no file, and --store none leaves nothing to look in", name)
	}
	defer db.Close()
	r, err := db.Get(ctx, name)
	if errors.Is(err, store.ErrNotFound) {
		return nil, usage("%v; nor is there a file of that name", err)
	}
	return r, err
}

func readRun(name string, r io.Reader) (*bench.Result, error) {
	res, err := render.ReadJSON(r)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return res, nil
}
