package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"assay/bench"
	"assay/bench/host"
	"assay/bench/runner"

	"github.com/spf13/cobra"
)

// engines are the engines that assay knows how to start.
var engines = []string{"native", "onnxruntime"}

func newDoctor() *cobra.Command {
	var format string
	var f storeCheck
	c := &cobra.Command{
		Use:   "doctor",
		Short: "What this device can measure, what is wrong with its condition, and how to mend it",
		Long: `Doctor says what this device can measure, what is wrong with its condition, and
how to mend it. With --store it looks at the store instead: the file, every run,
its numbers and samples, and the clocks. --repair mends what can be mended,
after it has copied the file; nothing else may use the store meanwhile.`,
		Example: "  assay doctor\n  assay doctor --store\n  assay doctor --store=old.db --repair",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if f.path != "" {
				return f.run(c, format)
			}
			if f.repair {
				return usage("--repair mends a store: give --store too")
			}
			sys := host.Here()
			d, err := host.Identify(sys)
			if err != nil {
				return fmt.Errorf("identify this device: %w", err)
			}
			watch := host.NewWatch(sys, nil)
			select {
			case <-time.After(time.Second): // long enough to see who else runs
			case <-c.Context().Done():
				return c.Context().Err()
			}
			items := append(host.Checklist(d, host.Observe(sys), watch.End()), host.LeftHere()...)
			for _, e := range engines {
				items = append(items, engineItem(c, e))
			}
			items = append(items, sandboxItem())
			meters, err := meterItems(c.Context())
			if err != nil {
				return err
			}
			items = append(items, meters...)
			return printItems(c, items, format)
		},
	}
	formatFlag(c, &format)
	f.add(c)
	return c
}

func printItems(c *cobra.Command, items []host.Item, format string) error {
	if format == "table" {
		return printChecklist(c.OutOrStdout(), items, width(c.OutOrStdout(), 120))
	}
	l := list{header: []string{"", "STATE", "WHAT", "REMEDY"}, data: items}
	for _, i := range items {
		l.rows = append(l.rows, []string{i.Name, string(i.State), i.Detail, i.Remedy})
	}
	return l.print(c.OutOrStdout(), format)
}

// engineItem starts a worker of an engine and asks what it is.
func engineItem(c *cobra.Command, engine string) host.Item {
	i := host.Item{Name: engine, State: host.Good}
	cmd, err := workerCommand(bench.Case{Engine: engine})
	if err == nil {
		var w *runner.Worker
		if w, err = runner.Start(c.Context(), cmd); err == nil {
			defer w.Close(c.Context())
			info := w.Hello().Info
			i.Detail = fmt.Sprintf("%s %s, providers %s, starts in %s", info.Name, info.Build, strings.Join(info.Providers, " "), w.Hello().Took.Round(time.Millisecond))
			return i
		}
	}
	i.State, i.Detail = host.Bad, strings.TrimSuffix(err.Error(), ": "+errors.ErrUnsupported.Error())
	if errors.Is(err, errors.ErrUnsupported) {
		i.State, i.Remedy = host.Warn, "its cases will be skipped: run assay setup"
	}
	return i
}
