package main

import (
	"fmt"
	"slices"

	"assay/bench/host"
	"assay/reports/store"

	"github.com/spf13/cobra"
)

// A storeCheck is what doctor does with --store.
type storeCheck struct {
	path   string
	repair bool
}

// standard stands for --store without a path.
const standard = "default"

func (f *storeCheck) add(c *cobra.Command) {
	c.Flags().StringVar(&f.path, "store", "", "look at the store (--store=FILE: at that one) instead of the device")
	c.Flags().Lookup("store").NoOptDefVal = standard
	c.Flags().BoolVar(&f.repair, "repair", false, "with --store: mend what can be mended, after a copy was made")
}

// run says what is wrong with a store, and mends it where asked. It is an
// error if something is wrong then.
func (f *storeCheck) run(c *cobra.Command, format string) error {
	path := f.path
	if path == standard {
		var err error
		if path, err = store.Path(); err != nil {
			return err
		}
	}
	if f.repair {
		backup, done, err := store.Repair(c.Context(), path)
		if backup != "" {
			fmt.Fprintf(c.ErrOrStderr(), "the store as it was is in %s\n", backup)
		}
		for _, text := range done {
			fmt.Fprintln(c.ErrOrStderr(), text)
		}
		if err != nil {
			return err
		}
		if len(done) == 0 {
			fmt.Fprintln(c.ErrOrStderr(), "nothing was to be mended")
		}
	}
	items, err := store.Examine(c.Context(), path)
	if err != nil {
		return err
	}
	if err := printItems(c, items, format); err != nil {
		return err
	}
	if slices.ContainsFunc(items, func(i host.Item) bool { return i.State == host.Bad }) {
		return fmt.Errorf("the store %s is not as it should be", path)
	}
	return nil
}
