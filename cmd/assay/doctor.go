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
	c := &cobra.Command{
		Use:   "doctor",
		Short: "What this device can measure, what is wrong with its condition, and how to mend it",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
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
			if format == "table" {
				return printChecklist(c.OutOrStdout(), items, width(c.OutOrStdout(), 120))
			}
			l := list{header: []string{"", "STATE", "WHAT", "REMEDY"}, data: items}
			for _, i := range items {
				l.rows = append(l.rows, []string{i.Name, string(i.State), i.Detail, i.Remedy})
			}
			return l.print(c.OutOrStdout(), format)
		},
	}
	formatFlag(c, &format)
	return c
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
