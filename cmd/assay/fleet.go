package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

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
	c.AddCommand(newFleetInvite(&data), newFleetRevoke(&data), newFleetJobs(&data), newFleetCancel(&data))
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
	l := list{header: []string{"DEVICE", "ID", "CLASS", "STATE", "CONDITION", "VERSION", "ENGINES", "LAST"}, data: all}
	for _, m := range all {
		l.rows = append(l.rows, []string{m.Name, m.ID, m.Class, memberState(m), conditionText(m), m.Version, strings.Join(m.Engines, " "), lastText(m.Last)})
	}
	return l
}

func memberState(m hub.Member) string {
	switch {
	case m.Away != "":
		return m.Away
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
	text := fmt.Sprintf("%s %s", l.Suite, l.State)
	if l.Run != "" {
		text += ", run " + l.Run
	}
	return fmt.Sprintf("%s, %s ago", text, ago(time.Since(l.At)))
}

// ago rounds a time as people say it.
func ago(d time.Duration) string {
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
