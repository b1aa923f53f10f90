package main

import (
	"fmt"

	"assay/bench/engine/native"
	"assay/bench/kernel/isa"

	"github.com/spf13/cobra"
)

func newKernels() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "kernels",
		Short: "What the native engine would dispatch on this CPU",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if _, err := isa.Enabled(); err != nil {
				fmt.Fprintf(c.ErrOrStderr(), "assay: %v\n", err)
			}
			rows := native.Kernels()
			l := list{header: []string{"KERNEL", "VARIANT", "USABLE", "CHOSEN"}, data: rows}
			for _, r := range rows {
				l.rows = append(l.rows, []string{r.Operator, r.Variant, yesNo(r.Usable), yesNo(r.Chosen)})
			}
			return l.print(c.OutOrStdout(), format)
		},
	}
	formatFlag(c, &format)
	return c
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
