package main

import (
	"fmt"
	"strings"

	"assay/bench/host"
	"assay/suites"

	"github.com/spf13/cobra"
)

// device is what this machine is; suites choose by its labels.
type device = host.Device

// deviceLabels are what `devices:` of a suite matches.
func deviceLabels(d device) map[string]string {
	return map[string]string{"arch": d.Arch, "os": d.OS, "class": d.Class, "name": d.Name, "id": d.ID}
}

func newSuites() *cobra.Command {
	c := &cobra.Command{Use: "suites", Short: "The suites of a file, or those that come with assay"}
	c.AddCommand(newSuitesList(), newSuitesShow(), newSuitesCheck())
	return c
}

func newSuitesList() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "list [FILE]",
		Short: "List suites",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			f, err := suites.Find(strings.Join(args, ""))
			if err != nil {
				return usage("%v", err)
			}
			all := f.List()
			l := list{header: []string{"SUITE", "MODELS", "ENGINES", "GATES", "DESCRIPTION"}, data: all}
			for _, s := range all {
				l.rows = append(l.rows, []string{s.Name, strings.Join(s.Models, " "), strings.Join(s.Engines, " "), fmt.Sprint(s.Gates), s.Description})
			}
			return l.print(c.OutOrStdout(), format)
		},
	}
	formatFlag(c, &format)
	return c
}

func newSuitesShow() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "show NAME",
		Short: "Print a suite with everything it extends and every default written out",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			f, err := suites.Find(file)
			if err != nil {
				return usage("%v", err)
			}
			b, err := f.Show(args[0])
			if err != nil {
				return usage("%v", err)
			}
			_, err = c.OutOrStdout().Write(b)
			return err
		},
	}
	c.Flags().StringVar(&file, "file", "", "suite file (default suites.yaml here, else the suites that come with assay)")
	return c
}

func newSuitesCheck() *cobra.Command {
	return &cobra.Command{
		Use:   "check [FILE]",
		Short: "Check a suite file: every key, model, variant, engine and gate",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			f, err := suites.Find(strings.Join(args, ""))
			if err == nil {
				err = f.Check(suites.Env{Engines: suites.Engines})
			}
			if err != nil {
				return usage("%v", err)
			}
			fmt.Fprintf(c.OutOrStdout(), "%s: ok (%s)\n", f.Path, strings.Join(f.Names(), ", "))
			return nil
		},
	}
}
