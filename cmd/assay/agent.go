package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"assay/agents"
	"assay/agents/agent"
	"assay/bench"
	"assay/bench/host"
	"assay/bench/sandbox"
	"assay/bench/unit"
	"assay/suites"

	"github.com/spf13/cobra"
)

func newAgent() *cobra.Command {
	c := &cobra.Command{Use: "agent", Short: "Take jobs from a hub and run them on this device"}
	c.AddCommand(newAgentJoin(), newAgentRun(), newAgentInstall())
	return c
}

// agentFlags are those of join and run.
type agentFlags struct {
	dir     string
	sysroot string
}

func (f *agentFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.dir, "data", "", "folder of the agent (default $"+agentVariable+" or agent in the user's data folder)")
	c.Flags().StringVar(&f.sysroot, "sysroot", "", "root of a recorded device that this one passes for, to try a fleet on one machine")
}

// device is what the agent runs on, or passes for.
func (f *agentFlags) device() (host.Device, error) {
	if f.sysroot == "" {
		return host.Identify(host.Here())
	}
	return host.Identify(host.Recorded(os.DirFS(f.sysroot)))
}

// maxJoin bounds what is read as a join string.
const maxJoin = 64 << 10 // B

func newAgentJoin() *cobra.Command {
	var f agentFlags
	var file string
	var given []string
	c := &cobra.Command{
		Use:   "join",
		Short: "Join a hub, once: reads the join string from stdin",
		Long: `Join reads the line that assay hub or assay fleet invite printed, from stdin or
from --file: it is a secret for an hour, and others can read a command line. The
device makes a key of its own, which never leaves it, and finds its labels by
itself (arch, os, class, name, id); --label adds to them.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			dir, err := folder(f.dir, agentVariable, "agent")
			if err != nil {
				return err
			}
			in := c.InOrStdin()
			if file != "" {
				r, err := os.Open(file)
				if err != nil {
					return err
				}
				defer r.Close()
				in = r
			} else if isTerminalInput(in) {
				fmt.Fprintln(c.ErrOrStderr(), "Paste the join string, then press Enter:")
			}
			j, err := agents.ParseJoin(firstLine(in))
			if err != nil {
				return usage("%v", err)
			}
			d, err := f.device()
			if err != nil {
				return err
			}
			own, err := pairs(given)
			if err != nil {
				return err
			}
			all := deviceLabels(d)
			for k, v := range own {
				if _, found := all[k]; found {
					return usage("--label %s=%s: the device finds %s by itself", k, v, k)
				}
				all[k] = v
			}
			e := agents.Enrolment{Device: d, Labels: all, Version: buildVersion()}
			if err := agent.Join(c.Context(), dir, j, e, own); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "joined the hub at %s as %s (%s); assay agent run takes its jobs\n", j.Hub.Host, d.ID, d.Class)
			return nil
		},
	}
	f.add(c)
	c.Flags().StringVar(&file, "file", "", "read the join string from this file")
	c.Flags().StringArrayVar(&given, "label", nil, "key=value that jobs can choose this device by (repeatable)")
	return c
}

func isTerminalInput(r io.Reader) bool {
	f, ok := r.(*os.File)
	return ok && isTerminal(f)
}

// pairs reads key=value pairs.
func pairs(list []string) (map[string]string, error) {
	out := map[string]string{}
	for _, l := range list {
		k, v, ok := strings.Cut(l, "=")
		if !ok || k == "" || v == "" {
			return nil, usage("--label %q: want key=value, for example site=lab", l)
		}
		out[k] = v
	}
	return out, nil
}

func newAgentRun() *cobra.Command {
	var f agentFlags
	var path, cache string
	var debug bool
	var every, settle time.Duration
	c := &cobra.Command{
		Use:   "run",
		Short: "Take jobs until stopped",
		Long: `Run takes jobs from the hub that this device has joined, one at a time, and only
while no other assay measures on this machine. It needs no privileges.

Results are in this device's own store before they are sent. While a timed region
is open the agent sends nothing. It may be killed at any moment: a job that was in
hand comes again, a result that was measured is delivered when the agent is back.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			limit, base, err := unit.Parse(cache)
			if err != nil || base != "B" || limit < 1 {
				return usage("--cache %q: want a size such as 4 GB", cache)
			}
			level := slog.LevelInfo
			if debug {
				level = slog.LevelDebug
			}
			log := logger(c.ErrOrStderr(), level)
			dir, err := folder(f.dir, agentVariable, "agent")
			if err != nil {
				return err
			}
			d, err := f.device()
			if err != nil {
				return err
			}
			db, err := openStore(c.Context(), path)
			if err != nil {
				return err
			}
			if db != nil {
				defer db.Close()
			}
			return agent.Run(c.Context(), agent.Config{
				Dir: dir, Bench: &jobBench{device: d, db: db}, Device: d, Labels: deviceLabels(d), Engines: workers(), Sandbox: sandbox.Here().String(),
				Observe: func() host.Condition { return host.Observe(host.Here()) }, Version: buildVersion(), Cache: int64(limit), Log: log, Every: every, Settle: settle,
			})
		},
	}
	f.add(c)
	c.Flags().StringVar(&path, "store", "", `SQLite file that keeps this device's runs, or "none" (default $ASSAY_STORE or the user's data folder)`)
	c.Flags().StringVar(&cache, "cache", "4 GB", "what model files may take on the disk")
	c.Flags().DurationVar(&every, "every", agent.DefaultEvery, "how often an idle agent shows itself and looks for jobs that it missed")
	c.Flags().DurationVar(&settle, "settle", agent.DefaultSettle, "how long a job waits at most until the device is cool and quiet; 0 does not wait")
	c.Flags().BoolVar(&debug, "debug", false, "log what goes wrong and mends itself, too")
	return c
}

// workers are the engines that this installation has workers for.
func workers() []string {
	var out []string
	for _, e := range suites.Engines {
		if _, err := workerCommand(bench.Case{Engine: e}); err == nil {
			out = append(out, e)
		}
	}
	return out
}
