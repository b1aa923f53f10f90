package main

import (
	"fmt"
	"slices"
	"strings"

	"assay/reports"

	"github.com/spf13/cobra"
)

func newAck() *cobra.Command {
	var path, at, why string
	c := &cobra.Command{
		Use:   "ack SERIES",
		Short: "Accept a change: the level of a series begins with a run",
		Long: `Ack accepts a change that assay regressions tells. The level of the series
begins with the run --at, and its build is the accepted one from then on.

SERIES is the series as assay regressions --format json names it, or a part of
it that ends at a slash; all series of the run that contain it are accepted:
"model=resnet8/variant=int8-qdq" is every metric of that variant. "all" is every
series of the run.`,
		Example: `  assay ack model=resnet8/variant=int8-qdq --at 3f2a --why "new calibration, agreed with the product team"`,
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case at == "":
				return usage("say with which run the new level begins (--at RUN; assay regressions names it)")
			case strings.TrimSpace(why) == "":
				return usage("say why the change is accepted (--why …): somebody will ask")
			}
			db, err := openStore(c.Context(), path)
			if err != nil {
				return err
			}
			if db == nil {
				return usage("--store none leaves nothing to acknowledge")
			}
			defer db.Close()
			run, err := db.Find(c.Context(), at)
			if err != nil {
				return err
			}
			keys, err := db.SeriesKeys(c.Context(), run)
			if err != nil {
				return err
			}
			hit := matching(keys, args[0])
			if len(hit) == 0 {
				return usage("run %s holds no series with %q (it holds %d, such as %s)", run, args[0], len(keys), strings.Join(keys[:min(1, len(keys))], ""))
			}
			for _, k := range hit {
				if err := db.Ack(c.Context(), reports.Ack{Series: k, Run: run, Why: why}); err != nil {
					return err
				}
				fmt.Fprintf(c.OutOrStdout(), "accepted from run %s on: %s\n", run, k)
			}
			return nil
		},
	}
	fl := c.Flags()
	fl.StringVar(&path, "store", "", "SQLite file (default $ASSAY_STORE or the user's data folder)")
	fl.StringVar(&at, "at", "", "run with which the new level begins: an id or its beginning, or latest")
	fl.StringVar(&why, "why", "", "why the change is accepted")
	return c
}

// matching returns the keys that hold part as whole fields; all of them for
// "all".
func matching(keys []string, part string) []string {
	if part == "all" {
		return keys
	}
	return slices.DeleteFunc(slices.Clone(keys), func(k string) bool {
		return !strings.Contains("/"+k+"/", "/"+strings.Trim(part, "/")+"/")
	})
}
