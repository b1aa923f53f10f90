package main

import (
	"fmt"
	"io"
	"strings"

	"assay/agents"
	"assay/agents/hub"

	"github.com/spf13/cobra"
)

// newFleetUser is about people who use the hub from elsewhere.
func newFleetUser(data *string) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "user",
		Short: "People who may use the hub from elsewhere, and their roles",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return withHub(c, *data, func(cl *hub.Client) error {
				ctx, cancel := shortly(c)
				defer cancel()
				all, err := cl.People(ctx)
				if err != nil {
					return err
				}
				l := list{header: []string{"NAME", "ROLE", "SINCE"}, data: all}
				for _, p := range all {
					l.rows = append(l.rows, []string{p.Name, p.Role, p.At.Local().Format("2006-01-02 15:04")})
				}
				return l.print(c.OutOrStdout(), format)
			})
		},
	}
	formatFlag(c, &format)
	c.AddCommand(newFleetUserAdd(data), newFleetUserRemove(data))
	return c
}

func newFleetUserAdd(data *string) *cobra.Command {
	var role string
	c := &cobra.Command{
		Use:   "add NAME",
		Short: "Let somebody in; prints the login, once",
		Long: `Add prints what the person logs in with, to the hub's pages and to assay fleet
login on a machine of their own. The hub does not keep it and cannot print it
again. Roles: read looks; dispatch gives suites to devices, too; admin may do
everything.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return withHub(c, *data, func(cl *hub.Client) error {
				ctx, cancel := shortly(c)
				defer cancel()
				pass, err := cl.AddPerson(ctx, args[0], role)
				if err != nil {
					return err
				}
				fmt.Fprintf(c.ErrOrStderr(), "%s may use the hub as %s with this login, which is not shown again:\n", args[0], role)
				fmt.Fprintln(c.OutOrStdout(), pass)
				return nil
			})
		},
	}
	c.Flags().StringVar(&role, "role", hub.RoleRead, "what the person may do: "+strings.Join(hub.Roles, ", "))
	return c
}

func newFleetUserRemove(data *string) *cobra.Command {
	return &cobra.Command{
		Use:   "remove NAME",
		Short: "Take a login back and cut its connections",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return withHub(c, *data, func(cl *hub.Client) error {
				ctx, cancel := shortly(c)
				defer cancel()
				if err := cl.RemovePerson(ctx, args[0]); err != nil {
					return err
				}
				fmt.Fprintf(c.OutOrStdout(), "%s may not use the hub any more\n", args[0])
				return nil
			})
		},
	}
}

// newFleetLogin keeps a login for a hub elsewhere.
func newFleetLogin(data *string) *cobra.Command {
	return &cobra.Command{
		Use:   "login",
		Short: "Use a hub elsewhere: reads the login from stdin",
		Long: `Login reads what assay fleet user add printed from stdin, never from the command
line, which others can read, and keeps it in --data. assay dispatch and assay fleet
use that hub from then on, as far as the person's role goes.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			dir, err := folder(*data, hubVariable, "hub")
			if err != nil {
				return err
			}
			if isTerminalInput(c.InOrStdin()) {
				fmt.Fprintln(c.ErrOrStderr(), "Paste the login, then press Enter:")
			}
			p, err := agents.ParsePass(firstLine(c.InOrStdin()))
			if err != nil {
				return usage("%v", err)
			}
			if err := hub.Login(dir, p); err != nil {
				return err
			}
			return asPerson(c, dir, p)
		},
	}
}

// asPerson tries a login that was just kept.
func asPerson(c *cobra.Command, dir string, p agents.Pass) error {
	cl, err := hub.Dial(dir)
	if err != nil {
		return err
	}
	defer cl.Close()
	ctx, cancel := shortly(c)
	defer cancel()
	all, err := cl.Fleet(ctx)
	if err == nil {
		devices := "1 device"
		if len(all) != 1 {
			devices = fmt.Sprintf("%d devices", len(all))
		}
		fmt.Fprintf(c.OutOrStdout(), "the hub at %s knows you as %s; it has %s\n", p.Hub.Host, p.Name, devices)
	}
	return err
}

// firstLine reads one line, so that a terminal need not be closed.
func firstLine(in io.Reader) string {
	var line []byte
	for b := make([]byte, 1); len(line) < maxJoin; {
		n, err := in.Read(b)
		if n > 0 && b[0] == '\n' && len(line) > 0 || err != nil {
			break
		}
		line = append(line, b[:n]...)
	}
	return string(line)
}
