package main

import (
	"fmt"

	"assay/bench/engine/ortlib"

	"github.com/spf13/cobra"
)

func newSetup() *cobra.Command {
	var from string
	c := &cobra.Command{
		Use:   "setup",
		Short: "Get ONNX Runtime's library into the user's cache, once",
		Long: `Setup puts ONNX Runtime's shared library where assay-ort finds it: into the
user's cache folder. It comes from the npm package onnxruntime-node, by npm
itself, with a pinned hash; only the file for this system is kept and no script
of the package is run. A machine without npm uses --from with a library or the
package's .tgz, or ASSAY_ONNXRUNTIME=/path/to/library instead of setup.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if from != "" {
				path, err := ortlib.Install(from)
				if err != nil {
					return err
				}
				fmt.Fprintf(c.ErrOrStderr(), "assay: ONNX Runtime is installed in %s\n", path)
				return nil
			}
			if path, err := ortlib.Find(); err == nil {
				fmt.Fprintf(c.ErrOrStderr(), "assay: ONNX Runtime is there: %s\n", path)
				return nil
			}
			path, err := ortlib.Fetch(c.Context(), func(s string) { fmt.Fprintf(c.ErrOrStderr(), "assay: %s\n", s) })
			if err != nil {
				return err
			}
			fmt.Fprintf(c.ErrOrStderr(), "assay: ONNX Runtime is installed in %s\n", path)
			return nil
		},
	}
	c.Flags().StringVar(&from, "from", "", "a library file, or the .tgz of onnxruntime-node")
	return c
}
