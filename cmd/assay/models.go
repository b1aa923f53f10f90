package main

import (
	"fmt"
	"maps"
	"slices"

	"assay/bench/unit"
	"assay/models"
	"assay/models/zoo"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"
)

func newModels() *cobra.Command {
	c := &cobra.Command{Use: "models", Short: "The models and data sets that come with assay"}
	c.AddCommand(newModelsList(), newModelsShow(), newModelsVerify())
	return c
}

func newModelsList() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "list",
		Short: "List models with their variants",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cards, err := zoo.Cards()
			if err != nil {
				return err
			}
			l := list{header: []string{"MODEL", "VARIANT", "TASK", "PARAMETERS", "MACS", "SIZE", "TOP-1"}, data: cards}
			for _, m := range cards {
				for _, name := range variantNames(m) {
					v := m.Variants[name]
					l.rows = append(l.rows, []string{m.Name, name, m.Task, number(v.Parameters), number(v.MACs), unit.Format(float64(v.Size), "B"), percent(v.Top1)})
				}
			}
			return l.print(c.OutOrStdout(), format)
		},
	}
	formatFlag(c, &format)
	return c
}

// variantNames lists a model's variants, the baseline first.
func variantNames(m *models.Card) []string {
	names := slices.Sorted(maps.Keys(m.Variants))
	if i := slices.Index(names, "baseline"); i > 0 {
		names = slices.Insert(slices.Delete(names, i, i+1), 0, "baseline")
	}
	return names
}

func number(n int64) string {
	if n == 0 {
		return "–"
	}
	return unit.Count(int(n))
}

func percent(v float64) string {
	if v == 0 {
		return "–"
	}
	return unit.Percent(v / 100)
}

func newModelsShow() *cobra.Command {
	return &cobra.Command{
		Use:   "show NAME",
		Short: "Print a card: source, licence, seeds tried, figures",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			var card any
			m, err := zoo.Model(args[0])
			card = m
			if err != nil {
				if card, err = zoo.Data(args[0]); err != nil {
					_, err = zoo.Model(args[0])
					return err
				}
			}
			return yaml.NewEncoder(c.OutOrStdout(), yaml.Indent(2), yaml.IndentSequence(true), yaml.OmitEmpty()).Encode(card)
		},
	}
}

func newModelsVerify() *cobra.Command {
	return &cobra.Command{
		Use:   "verify [NAME …]",
		Short: "Check the sha256 of every file of every card",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				all, err := cardNames()
				if err != nil {
					return err
				}
				args = all
			}
			bad := 0
			for _, name := range args {
				errs := zoo.Verify(name)
				for _, err := range errs {
					fmt.Fprintf(c.OutOrStdout(), "%s: %v\n", name, err)
				}
				if len(errs) == 0 {
					fmt.Fprintf(c.OutOrStdout(), "%s: ok\n", name)
				}
				bad += len(errs)
			}
			if bad > 0 {
				return exitError{exitFail, fmt.Sprintf("%d of the files are not what their cards say", bad)}
			}
			return nil
		},
	}
}

func cardNames() ([]string, error) {
	cards, err := zoo.Cards()
	if err != nil {
		return nil, err
	}
	var out []string
	for _, m := range cards {
		out = append(out, m.Name)
	}
	data, err := zoo.Default.DataCards()
	for _, d := range data {
		out = append(out, d.Name)
	}
	return out, err
}
