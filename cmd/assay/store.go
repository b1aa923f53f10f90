package main

import (
	"fmt"
	"time"

	"assay/bench/unit"
	"assay/reports/store"

	"github.com/spf13/cobra"
)

func newStore() *cobra.Command {
	c := &cobra.Command{Use: "store", Short: "Keep the store small"}
	c.AddCommand(newPrune())
	return c
}

func newPrune() *cobra.Command {
	var path string
	var p store.Policy
	var dry, compact bool
	c := &cobra.Command{
		Use:   "prune",
		Short: "Remove old samples, and much later whole runs",
		Long: `Prune removes the samples of old runs, which are most of the store, and keeps
their numbers: histories, comparisons and regressions need no samples. Much
later the runs go whole. The newest run of each device and suite always stays.

The room inside the file is used by the next runs, so that it stops growing and
a card is not written twice over; --compact gives it back to the disk.`,
		Example: "  assay store prune --dry-run\n  assay store prune --samples-age 720h --runs-count 1000",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if p.SamplesAge < 0 || p.RunsAge < 0 || p.SamplesCount < 0 || p.RunsCount < 0 {
				return usage("ages and counts cannot be negative (0 sets no bound)")
			}
			db, err := openStore(c.Context(), path)
			if err != nil {
				return err
			}
			if db == nil {
				return usage("--store none leaves nothing to prune")
			}
			defer db.Close()
			done, err := db.Prune(c.Context(), p, dry)
			if err != nil {
				return err
			}
			verb := "removed"
			if dry {
				verb = "would be removed"
			}
			fmt.Fprintf(c.OutOrStdout(), "%s %s, and the samples of %s more; %s free inside %s\n",
				plural(done.Runs, "run"), verb, plural(done.Samples, "run"), unit.Format(float64(done.Free), "B"), db.Where())
			if compact && !dry {
				return db.Compact(c.Context())
			}
			return nil
		},
	}
	fl := c.Flags()
	fl.StringVar(&path, "store", "", "SQLite file (default $ASSAY_STORE or the user's data folder)")
	fl.DurationVar(&p.SamplesAge, "samples-age", 90*24*time.Hour, "samples of older runs go; 0 sets no bound")
	fl.IntVar(&p.SamplesCount, "samples-count", 0, "newest runs of a device and suite that keep their samples; 0 sets no bound")
	fl.DurationVar(&p.RunsAge, "runs-age", 2*365*24*time.Hour, "older runs go whole; 0 sets no bound")
	fl.IntVar(&p.RunsCount, "runs-count", 0, "newest runs of a device and suite that are kept; 0 sets no bound")
	fl.BoolVar(&dry, "dry-run", false, "only say what would go")
	fl.BoolVar(&compact, "compact", false, "also give the room inside the file back to the disk (writes the whole file anew)")
	return c
}
