package main

import (
	"assay/bench/engine"
	_ "assay/bench/engine/native"
	"assay/bench/runner"

	"github.com/spf13/cobra"
)

// newWorker serves the worker protocol for an engine that is linked into
// assay. People never call it: assay run does.
func newWorker() *cobra.Command {
	var name string
	c := &cobra.Command{
		Use:    "worker",
		Short:  "Serve the worker protocol on stdin and stdout (called by assay run)",
		Args:   cobra.NoArgs,
		Hidden: true,
		RunE: func(c *cobra.Command, _ []string) error {
			e, err := engine.Lookup(name)
			if err != nil {
				return usage("%v", err)
			}
			in, out, err := runner.Stdio()
			if err != nil {
				return err
			}
			return runner.Serve(c.Context(), in, out, e)
		},
	}
	c.Flags().StringVar(&name, "engine", "native", "engine to serve")
	return c
}
