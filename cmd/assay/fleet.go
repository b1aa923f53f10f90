package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"assay/agents"
	"assay/agents/hub"

	"github.com/spf13/cobra"
)

func newFleet() *cobra.Command {
	var data, format string
	c := &cobra.Command{
		Use:   "fleet",
		Short: "The devices of the fleet: who is there, what runs, condition, last results",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return withHub(c, data, func(cl *hub.Client) error {
				ctx, cancel := shortly(c)
				defer cancel()
				all, err := cl.Fleet(ctx)
				if err != nil {
					return err
				}
				if len(all) == 0 {
					fmt.Fprintln(c.ErrOrStderr(), "no device has joined: assay fleet invite prints how one does")
				}
				return memberList(all).print(c.OutOrStdout(), format)
			})
		},
	}
	c.PersistentFlags().StringVar(&data, "data", "", hubFlag)
	formatFlag(c, &format)
	c.AddCommand(newFleetInvite(&data), newFleetRevoke(&data), newFleetDrain(&data, true), newFleetDrain(&data, false), newFleetJobs(&data), newFleetCancel(&data), newFleetSchedules(&data), newFleetUnschedule(&data), newFleetUser(&data), newFleetLogin(&data))
	return c
}

// withHub calls f with a connection to the hub.
func withHub(_ *cobra.Command, data string, f func(*hub.Client) error) error {
	cl, err := dial(data)
	if err != nil {
		return err
	}
	defer cl.Close()
	return f(cl)
}

// memberList is the table of the fleet.
func memberList(all []hub.Member) list {
	l := list{header: []string{"DEVICE", "ID", "CLASS", "STATE", "CONDITION", "VERSION", "ENGINES", "SANDBOX", "LAST"}, data: all}
	for _, m := range all {
		l.rows = append(l.rows, []string{who(agents.Target{Device: m.ID, Name: m.Name}), m.ID, m.Class, memberState(m), conditionText(m), m.Version, strings.Join(m.Engines, " "), m.Sandbox, lastText(m.Last)})
	}
	return l
}

func memberState(m hub.Member) string {
	switch {
	case m.Away != "":
		return m.Away
	case m.Job == "" && m.Drain:
		return "drained"
	case m.Job == "":
		return "idle"
	case m.Step == "":
		return "job " + m.Job
	}
	return fmt.Sprintf("job %s, %.0f %%: %s", m.Job, 100*m.Done, m.Step)
}

// conditionText is the load, the governor and the hottest sensor of a device.
func conditionText(m hub.Member) string {
	if m.Condition.At.IsZero() {
		return "not told"
	}
	parts := []string{fmt.Sprintf("load %.1f", m.Condition.Load1)}
	if t := slices.Sorted(maps.Values(m.Condition.Celsius)); len(t) > 0 {
		parts = append(parts, fmt.Sprintf("%.0f °C", t[len(t)-1]))
	}
	if m.Condition.Governor != "" {
		parts = append(parts, m.Condition.Governor)
	}
	return strings.Join(parts, ", ")
}

func lastText(l *hub.Last) string {
	if l == nil {
		return "none"
	}
	text := fmt.Sprintf("%s %s %s ago", l.Suite, l.State, timeSince(time.Since(l.At)))
	if l.Run != "" {
		text += ", " + l.Run[:min(8, len(l.Run))] // enough for assay history and compare
	}
	return text
}

// timeSince rounds a time as people say it.
func timeSince(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	case d < 48*time.Hour:
		return fmt.Sprintf("%.0f h", d.Hours())
	}
	return fmt.Sprintf("%.0f days", d.Hours()/24)
}

func newFleetInvite(data *string) *cobra.Command {
	return &cobra.Command{
		Use:   "invite",
		Short: "Print a join string: one device may use it, within the hour",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return withHub(c, *data, func(cl *hub.Client) error {
				ctx, cancel := shortly(c)
				defer cancel()
				s, err := cl.Invite(ctx)
				if err == nil {
					fmt.Fprintln(c.OutOrStdout(), s)
				}
				return err
			})
		},
	}
}

func newFleetRevoke(data *string) *cobra.Command {
	return &cobra.Command{
		Use:   "revoke ID",
		Short: "Forget a device's key, cut its connections, end its jobs",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return withHub(c, *data, func(cl *hub.Client) error {
				ctx, cancel := shortly(c)
				defer cancel()
				if err := cl.Revoke(ctx, args[0]); err != nil {
					return err
				}
				fmt.Fprintf(c.OutOrStdout(), "%s is revoked\n", args[0])
				return nil
			})
		},
	}
}

func newFleetDrain(data *string, on bool) *cobra.Command {
	use, short, said := "drain ID", "Let a device end its job and begin no other", "is drained"
	if !on {
		use, short, said = "resume ID", "Let a device that was drained begin jobs again", "takes jobs again"
	}
	return &cobra.Command{
		Use:   use,
		Short: short,
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return withHub(c, *data, func(cl *hub.Client) error {
				ctx, cancel := shortly(c)
				defer cancel()
				if err := cl.Drain(ctx, args[0], on); err != nil {
					return err
				}
				fmt.Fprintf(c.OutOrStdout(), "%s %s\n", args[0], said)
				return nil
			})
		},
	}
}

func newFleetJobs(data *string) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "jobs DISPATCH",
		Short: "How the jobs of a dispatch stand",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return withHub(c, *data, func(cl *hub.Client) error {
				ctx, cancel := shortly(c)
				defer cancel()
				all, err := cl.Status(ctx, args[0])
				if err != nil {
					return err
				}
				l := jobList(all, nil)
				l.header = l.header[:4]
				for i := range l.rows {
					l.rows[i] = l.rows[i][:4]
				}
				return l.print(c.OutOrStdout(), format)
			})
		},
	}
	formatFlag(c, &format)
	return c
}

func newFleetCancel(data *string) *cobra.Command {
	return &cobra.Command{
		Use:   "cancel DISPATCH|JOB",
		Short: "End the jobs of a dispatch that have not ended, or one job",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return withHub(c, *data, func(cl *hub.Client) error {
				ctx, cancel := shortly(c)
				defer cancel()
				n, err := cl.Cancel(ctx, args[0])
				if err != nil {
					return err
				}
				fmt.Fprintf(c.OutOrStdout(), "%s cancelled\n", jobCount(n))
				return nil
			})
		},
	}
}

func newFleetSchedules(data *string) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "schedules",
		Short: "What the hub dispatches by itself (assay dispatch --at)",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return withHub(c, *data, func(cl *hub.Client) error {
				ctx, cancel := shortly(c)
				defer cancel()
				all, err := cl.Schedules(ctx)
				if err != nil {
					return err
				}
				l := list{header: []string{"SCHEDULE", "WHEN", "NEXT", "SUITE", "TO"}, data: all}
				for _, p := range all {
					to := p.Order.To
					if to == "" {
						to = "every device"
					}
					l.rows = append(l.rows, []string{p.ID, p.Cron, p.Next.Local().Format("2006-01-02 15:04"), p.Order.Job.Suite, to})
				}
				return l.print(c.OutOrStdout(), format)
			})
		},
	}
	formatFlag(c, &format)
	return c
}

func newFleetUnschedule(data *string) *cobra.Command {
	return &cobra.Command{
		Use:   "unschedule SCHEDULE",
		Short: "Forget a schedule; what it has dispatched goes on",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return withHub(c, *data, func(cl *hub.Client) error {
				ctx, cancel := shortly(c)
				defer cancel()
				if err := cl.Unschedule(ctx, args[0]); err != nil {
					return err
				}
				fmt.Fprintf(c.OutOrStdout(), "schedule %s is forgotten\n", args[0])
				return nil
			})
		},
	}
}
