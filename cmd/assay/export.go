package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"assay/bench"
	"assay/reports"
	"assay/reports/record"
	"assay/reports/store"

	"github.com/spf13/cobra"
)

func newExport() *cobra.Command {
	var path, format, out string
	var f reports.Filter
	var since time.Duration
	c := &cobra.Command{
		Use:   "export [RUN …]",
		Short: "Write stored runs for other programs: CSV, Parquet, JSON lines, Go benchmarks",
		Long: `Export writes the runs that are named, or all that the flags choose, oldest
first. jsonl holds everything, and assay import makes the same runs of it; csv
and parquet hold a row per run, case and metric (docs/results.md names the
columns), parquet with the samples; gobench holds the trials for benchstat.`,
		Example: "  assay export -o runs.parquet\n  assay export latest --format csv\n  assay export --suite nightly --since 720h -o nights.jsonl",
		RunE: func(c *cobra.Command, args []string) error {
			form, err := formOf(format, out, "csv")
			if err != nil {
				return err
			}
			if len(args) > 0 && (f.Suite != "" || f.Device != "" || since > 0 || f.Limit > 0) {
				return usage("name runs or choose them by flags, not both")
			}
			db, err := openStore(c.Context(), path)
			if err != nil {
				return err
			}
			if db == nil {
				return usage("--store none leaves nothing to export")
			}
			defer db.Close()
			if since > 0 {
				f.Since = time.Now().Add(-since)
			}
			ids, err := chosen(c.Context(), db, args, f)
			if err != nil {
				return err
			}
			return export(c, db, ids, form, out)
		},
	}
	fl := c.Flags()
	fl.StringVarP(&out, "output", "o", "", "file to write (default stdout)")
	fl.StringVar(&format, "format", "", "form: "+strings.Join(record.Names(), ", ")+" (default by the end of the file's name, else csv)")
	fl.StringVar(&path, "store", "", "SQLite file (default $ASSAY_STORE or the user's data folder)")
	fl.StringVar(&f.Suite, "suite", "", "runs of this suite")
	fl.StringVar(&f.Device, "device", "", "runs on this device (id or name)")
	fl.IntVar(&f.Limit, "limit", 0, "newest runs; 0 is all")
	fl.DurationVar(&since, "since", 0, "runs not older than this, for example 168h")
	return c
}

// formOf is the form that a flag or a file's name says, else otherwise.
func formOf(format, file, otherwise string) (record.Form, error) {
	if format == "" {
		format = record.Guess(file)
	}
	if format == "" {
		format = otherwise
	}
	f, err := record.Lookup(format)
	if err != nil {
		return f, usage("%v", err)
	}
	return f, nil
}

// chosen are the ids of the runs to export, oldest first.
func chosen(ctx context.Context, db *store.SQLite, args []string, f reports.Filter) ([]string, error) {
	if len(args) > 0 {
		return args, nil
	}
	runs, err := db.List(ctx, f)
	if err != nil {
		return nil, err
	}
	if len(runs) == 0 {
		return nil, usage("no stored run is chosen (assay history lists them)")
	}
	var ids []string
	for _, r := range slices.Backward(runs) {
		ids = append(ids, r.ID)
	}
	return ids, nil
}

func export(c *cobra.Command, db *store.SQLite, ids []string, form record.Form, out string) error {
	if out != "" && out != "-" {
		n := 0
		err := saveBy(out, func(w io.Writer) (err error) { n, err = exportTo(c.Context(), db, ids, form, w); return err })
		if err == nil {
			fmt.Fprintf(c.ErrOrStderr(), "%s written to %s as %s\n", plural(n, "run"), out, form.Name)
		}
		return err
	}
	if form.Name == "parquet" && colour(c.OutOrStdout()) {
		return usage("a terminal cannot show parquet: say where with -o")
	}
	_, err := exportTo(c.Context(), db, ids, form, c.OutOrStdout())
	return err
}

// exportTo holds one run at a time, however many there are.
func exportTo(ctx context.Context, db *store.SQLite, ids []string, form record.Form, w io.Writer) (int, error) {
	rec := form.Write(w)
	for _, id := range ids {
		r, err := db.Get(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			return 0, usage("%v", err)
		}
		if err == nil {
			err = rec.Write(r)
		}
		if err != nil {
			return 0, err
		}
	}
	return len(ids), rec.Close()
}

func newImport() *cobra.Command {
	var path, format, device string
	c := &cobra.Command{
		Use:   "import FILE …",
		Short: "Read runs that assay export or go test -bench wrote into the store",
		Long: `Import keeps the runs of files in the store. A run that is there already is
left as it is, so a file may be imported twice. A file with an error in it is
refused at its place; the runs before that place are kept. What a form does not
hold, such as samples in CSV, is said in the warnings of its runs.`,
		Example: "  assay import nights.jsonl\n  assay import --format gobench --device ci-runner bench.txt",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			db, err := openStore(c.Context(), path)
			if err != nil {
				return err
			}
			if db == nil {
				return usage("--store none leaves no place to import to")
			}
			defer db.Close()
			for _, name := range args {
				form, err := formOf(format, name, "")
				if err != nil {
					return usage("%s: its name does not tell its form: say --format %s", name, strings.Join(record.Names(), ", "))
				}
				if err := importFile(c, db, form, name, device); err != nil {
					return err
				}
			}
			return nil
		},
	}
	fl := c.Flags()
	fl.StringVar(&format, "format", "", "form: "+strings.Join(record.Names(), ", ")+" (default by the end of the file's name)")
	fl.StringVar(&path, "store", "", "SQLite file (default $ASSAY_STORE or the user's data folder)")
	fl.StringVar(&device, "device", "", "name of the device of Go benchmarks that do not say it")
	return c
}

func importFile(c *cobra.Command, db *store.SQLite, form record.Form, name, device string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	kept, there := 0, 0
	err = form.Read(f, record.Origin{Name: name, Modified: st.ModTime().UTC(), Device: device}, func(r *bench.Result) error {
		has, err := db.Has(c.Context(), r.Run)
		if err != nil {
			return err
		}
		if has {
			there++
			return nil
		}
		kept++
		return db.Put(c.Context(), r)
	})
	text := plural(kept, "run") + " kept"
	if there > 0 {
		text += fmt.Sprintf(", %d there already", there)
	}
	fmt.Fprintf(c.ErrOrStderr(), "%s: %s\n", name, text)
	return err
}
