package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"assay/bench"
	"assay/bench/verdict"
	"assay/reports/alert"
	"assay/reports/regress"

	"github.com/spf13/cobra"
)

// webhookFlags are the flags of commands that tell a webhook what went wrong.
type webhookFlags struct{ address, form string }

func (f *webhookFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.address, "webhook", "", "tell this address what did not pass (better ASSAY_WEBHOOK: an address is a secret, and other users see flags)")
	c.Flags().StringVar(&f.form, "webhook-form", "", "form of the message: "+strings.Join(alert.Forms, ", ")+" (default slack for Slack's host, else json)")
}

// hook returns the webhook that is set, nil where none is.
func (f *webhookFlags) hook() (*alert.Hook, error) {
	address := f.address
	if address == "" {
		address = os.Getenv("ASSAY_WEBHOOK")
	}
	if address == "" {
		if f.form != "" {
			return nil, usage("--webhook-form says how a webhook is told, and none is set")
		}
		return nil, nil
	}
	h, err := alert.New(address, f.form)
	if err != nil {
		return nil, usage("%v", err)
	}
	return h, nil
}

// mostTold bounds the whole of an alert, attempts and waits.
const mostTold = 2 * time.Minute

// tell sends what a command ended with, unless it passed or was interrupted.
// The verdict decides the exit code, whatever becomes of the alert.
func tell(c *cobra.Command, h *alert.Hook, m alert.Message, err error) {
	if h == nil || err == nil || errors.Is(err, context.Canceled) {
		return
	}
	m.Exit, m.Word = exitUsage, "error"
	var e exitError
	if errors.As(err, &e) {
		m.Exit = e.code
	}
	switch m.Exit {
	case exitInterrupted:
		return
	case exitFail:
		m.Word = "fail"
	case exitUndecided:
		m.Word = "undecided"
	}
	m.Title = strings.TrimSpace(fmt.Sprintf("assay %s: %s", m.Event, err))
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Context()), mostTold)
	defer cancel()
	if err := h.Send(ctx, m); err != nil {
		fmt.Fprintf(c.ErrOrStderr(), "assay: nobody was alerted: %v\n", err)
		return
	}
	fmt.Fprintf(c.ErrOrStderr(), "alerted %v\n", h)
}

// gateMessage is what a gate tells of a run; r is nil where there is none.
func gateMessage(r *bench.Result, against []verdict.Verdict) alert.Message {
	m := alert.Message{Event: "gate", ID: "gate", Items: []alert.Item{}}
	if r == nil {
		return m
	}
	m.ID += " " + r.Run
	m.Run, m.Suite, m.Device, m.Class, m.Started, m.Labels = r.Run, r.Suite, r.Device.Name, r.Device.Class, r.Started, r.Labels
	add := func(who string, vs []verdict.Verdict) {
		for _, v := range vs {
			if v.Word == verdict.Fail || v.Undecided() {
				m.Items = append(m.Items, alert.Item{Word: string(v.Word), Case: who, Metric: v.Metric, Text: strings.TrimSpace(v.Gate + ": " + v.Reason)})
			}
		}
	}
	for _, word := range []bool{true, false} { // fails first
		for i := range r.Groups {
			for j := range r.Groups[i].Cases {
				x := &r.Groups[i].Cases[j]
				var vs []verdict.Verdict
				for _, v := range x.Verdicts {
					if (v.Word == verdict.Fail) == word {
						vs = append(vs, v)
					}
				}
				add(x.Model+" "+x.Variant+" on "+x.Engine, vs)
			}
		}
	}
	add("against an earlier run", against)
	return m
}

// regressionsMessage is what regressions tells; r is nil where it ended early.
func regressionsMessage(r *regress.Report) alert.Message {
	m := alert.Message{Event: "regressions", ID: "regressions", Items: []alert.Item{}}
	if r == nil {
		return m
	}
	m.ID += " " + r.To.UTC().Format(time.RFC3339)
	m.Started = r.To
	for i, x := range r.Marks() {
		if i < len(r.Changes) { // what got worse comes first
			c := &r.Changes[i]
			m.Items = append(m.Items, alert.Item{
				Word: x.Word, Case: strings.TrimSpace(c.Model + " " + c.Variant + " on " + c.Engine + " " + c.Case), Metric: c.Metric,
				Text: x.Text + ", device " + c.Device + ", since run " + c.Begin,
			})
		}
	}
	for _, s := range r.Silent {
		m.Items = append(m.Items, alert.Item{Word: "silent", Text: fmt.Sprintf("device %s (%s) has not reported for %d nights", s.Name, s.Device, s.Nights)})
	}
	return m
}
