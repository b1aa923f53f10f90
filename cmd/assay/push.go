package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"assay/reports/store"
	"assay/reports/store/influx"
	"assay/reports/store/outbox"

	"github.com/spf13/cobra"
)

// A pass in the background lasts this long at most: what is left then is the
// next run's to deliver.
const backgroundPush = 30 * time.Second

// pushFlags are the flags of push.
type pushFlags struct {
	influx   influxFlags
	store    string
	format   string
	status   bool
	all      bool
	revive   bool
	bury     bool
	patience time.Duration
}

func newPush() *cobra.Command {
	var f pushFlags
	c := &cobra.Command{
		Use:   "push",
		Short: "Deliver stored runs to InfluxDB, or say what waits and why",
		Long: `Push delivers what is queued in the store to InfluxDB, until nothing is left
or --timeout is over. assay run and assay gate queue their runs where a server
is set, and push by themselves when they have measured; nothing is sent while
a run is measured.

A run leaves the queue when the server has confirmed it. Points that the server
refuses for good are kept as dead letters with the reason (--status).

The server is set by flags, by ASSAY_INFLUX_URL, _TOKEN, _TOKEN_FILE, _ORG,
_BUCKET, _CA, _PROXY and _INSECURE, or in config.yaml (docs/influxdb.md).

It exits 0 when everything is delivered, 2 when something is left or refused.`,
		Example: "  assay push\n  assay push --status\n  assay push --all --influx-url http://localhost:8086 --influx-bucket assay --influx-token-file token",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return f.run(c) },
	}
	fl := c.Flags()
	fl.StringVar(&f.store, "store", "", "SQLite file (default $ASSAY_STORE or the user's data folder)")
	fl.StringVar(&f.format, "format", "table", "output format of --status: json, table")
	fl.BoolVar(&f.status, "status", false, "send nothing; show the queue, its age, and dead letters with the reason")
	fl.BoolVar(&f.all, "all", false, "queue every stored run first, for a server that is new or has lost them")
	fl.BoolVar(&f.revive, "retry-dead", false, "queue the dead letters first, for a server that has been mended")
	fl.BoolVar(&f.bury, "drop-dead", false, "forget the dead letters and send nothing; the runs stay in the store")
	fl.DurationVar(&f.patience, "timeout", time.Minute, "how long to wait in all for a server that does not answer or a run that is measured")
	f.influx.add(fl)
	c.MarkFlagsMutuallyExclusive("status", "all", "drop-dead")
	c.MarkFlagsMutuallyExclusive("status", "retry-dead", "drop-dead")
	return c
}

func (f *pushFlags) run(c *cobra.Command) error {
	if f.store == "none" {
		return usage("--store none leaves nothing to push")
	}
	if f.format != "table" && f.format != "json" {
		return usage("unknown format %q (have json, table)", f.format)
	}
	db, err := openStore(c.Context(), f.store)
	if err != nil {
		return err
	}
	defer db.Close()
	client, err := f.influx.forward(db)
	if err != nil {
		return err
	}
	if client != nil {
		defer client.Close()
	}
	switch {
	case f.bury:
		n, err := db.Outbox().Bury(c.Context())
		if err != nil {
			return err
		}
		fmt.Fprintf(c.ErrOrStderr(), "%s forgotten\n", plural(n, "dead letter"))
		return nil
	case f.status:
		return printStatus(c, db, client, f.format)
	case client == nil:
		return usage(noInflux)
	}
	if err := requeue(c, db, f.all, f.revive); err != nil {
		return err
	}
	return push(c, db, client, f.patience)
}

// requeue queues what a person wants sent again.
func requeue(c *cobra.Command, db *store.SQLite, all, revive bool) error {
	if revive {
		n, err := db.Outbox().Revive(c.Context())
		if err != nil {
			return err
		}
		fmt.Fprintf(c.ErrOrStderr(), "%s queued again\n", plural(n, "dead letter"))
	}
	if all {
		n, err := db.Requeue(c.Context())
		if err != nil {
			return err
		}
		fmt.Fprintf(c.ErrOrStderr(), "%s queued\n", plural(n, "stored run"))
	}
	return nil
}

// push drains the queue by hand; its error says what is left.
func push(c *cobra.Command, db *store.SQLite, client *influx.Client, patience time.Duration) error {
	told := ""
	r, err := db.Outbox().Drain(c.Context(), client, outbox.Options{
		Patience: patience, Hand: true, Waiting: func(d time.Duration, why string) {
			if why != told { // a lock is looked at often
				fmt.Fprintf(c.ErrOrStderr(), "waiting %v: %s\n", d.Round(100*time.Millisecond), why)
			}
			told = why
		},
	})
	if err != nil {
		return err
	}
	if r.Points > 0 || r.Left+r.Dead == 0 {
		fmt.Fprintf(c.OutOrStdout(), "%s delivered to %s\n", plural(r.Points, "point"), client.Where())
	}
	if why := undelivered(r); why != "" {
		return exitError{exitUsage, why}
	}
	return nil
}

// undelivered says what a pass left behind; "" if nothing.
func undelivered(r outbox.Report) string {
	var parts []string
	if r.Dead > 0 {
		parts = append(parts, plural(r.Dead, "point")+" refused and kept as dead letters (assay push --status says why)")
	}
	switch {
	case r.Left > 0 && !r.Next.IsZero():
		parts = append(parts, fmt.Sprintf("%s queued, not tried before %s unless by assay push, because %s", plural(r.Left, "point"), r.Next.UTC().Format(minute), r.Why))
	case r.Left > 0 && r.Paused:
		parts = append(parts, fmt.Sprintf("%s queued until this is mended: %s", plural(r.Left, "point"), r.Why))
	case r.Left > 0:
		parts = append(parts, fmt.Sprintf("%s queued: %s", plural(r.Left, "point"), r.Why))
	}
	return strings.Join(parts, "; ")
}

// pushAfter delivers when a run has been measured, stored and printed: one
// attempt, without waiting for a server that does not answer. What it comes
// to changes no exit code: the run is safe, and the queue keeps it.
func pushAfter(c *cobra.Command, db *store.SQLite, client *influx.Client) {
	if db == nil || client == nil || c.Context().Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(c.Context(), backgroundPush)
	defer cancel()
	r, err := db.Outbox().Drain(ctx, client, outbox.Options{})
	w := c.ErrOrStderr()
	if r.Points > 0 {
		fmt.Fprintf(w, "%s delivered to %s\n", plural(r.Points, "point"), client.Where())
	}
	switch why := undelivered(r); {
	case err != nil && ctx.Err() != nil:
		fmt.Fprintf(w, "assay: push: %s queued: assay push delivers them\n", plural(r.Left, "point"))
	case err != nil:
		fmt.Fprintf(w, "assay: push: %v\n", err)
	case why != "":
		fmt.Fprintf(w, "assay: push: %s\n", why)
	}
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// printStatus says what waits, since when, and what became of the attempts.
func printStatus(c *cobra.Command, db *store.SQLite, client *influx.Client, format string) error {
	s, err := db.Outbox().Status(c.Context())
	if err != nil {
		return err
	}
	if format == "json" {
		e := json.NewEncoder(c.OutOrStdout())
		e.SetIndent("", "  ")
		return e.Encode(s)
	}
	where := "not set: runs are stored and not queued"
	if client != nil {
		where = client.Where()
	}
	return writeStatus(c.OutOrStdout(), s, where, time.Now())
}

func writeStatus(w io.Writer, s outbox.Status, where string, now time.Time) error {
	var b strings.Builder
	fmt.Fprintf(&b, "server         %s\n", where)
	fmt.Fprintf(&b, "queue          %s\n", queueText(s, now))
	if !s.Done.IsZero() {
		fmt.Fprintf(&b, "last delivery  %s\n", agoText(s.Done, now))
	}
	if s.Why != "" {
		fmt.Fprintf(&b, "last attempt   %s: %s\n", agoText(s.Tried, now), s.Why)
		switch {
		case s.Paused:
			fmt.Fprintf(&b, "               paused until this is mended; looked at again from %s, or now by assay push\n", s.Next.UTC().Format(minute))
		case s.Next.After(now):
			fmt.Fprintf(&b, "               %s in a row failed; the next not before %s\n", plural(s.Attempts, "attempt"), s.Next.UTC().Format(minute))
		}
	}
	fmt.Fprintf(&b, "dead letters   %s\n", lettersText(s.Dead))
	writeLetters(&b, s.Dead)
	_, err := io.WriteString(w, b.String())
	return err
}

const (
	minute     = "2006-01-02 15:04 UTC"
	shownWhys  = 10
	shownChars = 100 // of a dead letter
)

// writeLetters says each reason once, with how many letters it has and one of
// them.
func writeLetters(b *strings.Builder, dead []outbox.Letter) {
	by := map[string][]outbox.Letter{}
	var whys []string
	for _, l := range dead {
		if by[l.Why] == nil {
			whys = append(whys, l.Why)
		}
		by[l.Why] = append(by[l.Why], l)
	}
	for i, why := range whys {
		if i == shownWhys {
			fmt.Fprintf(b, "  … and %s (--format json shows all)\n", plural(len(whys)-i, "other reason"))
			return
		}
		ls, ofRuns := by[why], map[string]bool{}
		for _, l := range ls {
			ofRuns[l.Run] = true
		}
		fmt.Fprintf(b, "  %s of %s, the first %s: %s\n", plural(len(ls), "point"), plural(len(ofRuns), "run"), ls[0].Died.UTC().Format(minute), why)
		if r := []rune(ls[0].Line); len(r) > 0 {
			fmt.Fprintf(b, "    run %s: %s…\n", ls[0].Run, string(r[:min(len(r), shownChars)]))
		}
	}
}

func queueText(s outbox.Status, now time.Time) string {
	if s.Points == 0 {
		return "empty"
	}
	return fmt.Sprintf("%s of %s, the oldest queued %s", plural(s.Points, "point"), plural(s.Runs, "run"), agoText(s.Oldest, now))
}

func agoText(t, now time.Time) string {
	d := now.Sub(t)
	text := t.UTC().Format(minute)
	switch {
	case d < 0: // the clock has gone back
	case d < time.Minute:
		text += " (just now)"
	case d < 2*time.Hour:
		text += fmt.Sprintf(" (%d min ago)", int(d.Minutes()))
	case d < 48*time.Hour:
		text += fmt.Sprintf(" (%d h ago)", int(d.Hours()))
	default:
		text += fmt.Sprintf(" (%d days ago)", int(d.Hours()/24))
	}
	return text
}

func lettersText(dead []outbox.Letter) string {
	if len(dead) == 0 {
		return "none"
	}
	return fmt.Sprintf("%d (--retry-dead sends them again, --drop-dead forgets them)", len(dead))
}
