package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"assay/agents"
	"assay/agents/hub"
	"assay/reports/store"
	"assay/reports/web"

	"github.com/spf13/cobra"
)

// fleetView shows the hub's fleet to its pages.
type fleetView struct{ cl *hub.Client }

var _ web.Fleet = fleetView{}

func (f fleetView) Members(ctx context.Context) ([]web.Member, error) {
	all, err := f.cl.Fleet(ctx)
	if err != nil {
		return nil, err
	}
	var out []web.Member
	for _, m := range all {
		x := web.Member{
			ID: m.ID, Name: m.Name, Class: m.Class, State: memberState(m), Away: m.Away != "", Condition: conditionText(m), Version: m.Version,
			Engines: m.Engines, Job: m.Job, Done: m.Done, Seen: m.Seen, Last: lastText(m.Last),
		}
		if m.Last != nil {
			x.Run = m.Last.Run
		}
		if x.Away {
			x.Job = ""
		}
		out = append(out, x)
	}
	return out, nil
}

func (f fleetView) Dispatches(ctx context.Context) ([]web.Dispatch, error) {
	all, err := f.cl.Dispatches(ctx)
	if err != nil {
		return nil, err
	}
	var out []web.Dispatch
	for _, d := range all {
		said, ended := endedText(d)
		out = append(out, web.Dispatch{ID: d.ID, Suite: d.Suite, At: d.At, Jobs: d.Jobs, Open: d.Jobs - ended, Said: said})
	}
	return out, nil
}

// endedText is "2 done, 1 failed", and how many have ended in all.
func endedText(d hub.Dispatched) (string, int) {
	var parts []string
	ended := 0
	for _, s := range []agents.State{agents.Done, agents.Failed, agents.Refused, agents.Missing, agents.Lost, agents.Cancelled} {
		if n := d.Ended[s]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
			ended += n
		}
	}
	return strings.Join(parts, ", "), ended
}

func (f fleetView) Jobs(ctx context.Context, id string) ([]web.Job, error) {
	listed, err := f.cl.Status(ctx, id)
	if errors.As(err, new(hub.Refusal)) {
		return nil, fmt.Errorf("dispatch %.80q: %w", id, web.ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	var out []web.Job
	for _, s := range listed {
		j := web.Job{ID: s.Target.Job, Device: who(s.Target), Class: s.Target.Class, State: string(s.State), Step: s.Step, Open: s.Outcome == nil}
		if s.Outcome != nil {
			j.Reason, j.Run = s.Outcome.Reason, s.Outcome.Run
		}
		out = append(out, j)
	}
	return out, nil
}

// pages are the web pages of a hub.
type pages struct {
	at       string // address
	cl       *hub.Client
	listener net.Listener
	server   *http.Server
}

// pageFlags say where the pages are and who may look.
type pageFlags struct {
	addr  string // host:port, "" for no pages
	login bool   // on loopback, too
}

func (f *pageFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.addr, "http", "", "host:port of the web pages, for example 127.0.0.1:8080; beyond loopback by TLS, to people who log in (default none)")
	c.Flags().BoolVar(&f.login, "http-login", false, "TLS and a login on loopback, too")
}

// openPages listens where f says. It asks the hub as its administrator does. On
// loopback the pages are open; elsewhere they are served by TLS, to people who
// log in.
func openPages(ctx context.Context, f pageFlags, h *hub.Hub, own hub.Config, db *store.SQLite) (*pages, error) {
	open, err := onLoopback("--http", f.addr)
	if err != nil {
		return nil, err
	}
	open = open && !f.login
	cl, err := hub.Dial(own.Dir)
	if err != nil {
		return nil, err
	}
	journal := &web.Journal{}
	if err := cl.Events(func(e agents.Event) {
		journal.Add(e.Job, web.Line{At: time.Now(), Text: e.Text, Done: e.Done})
	}); err != nil {
		cl.Close()
		return nil, err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", f.addr)
	if err != nil {
		cl.Close()
		return nil, fmt.Errorf("--http %s: %w", f.addr, err)
	}
	at := "http://" + l.Addr().String()
	if !open {
		l, at = tls.NewListener(l, h.PagesTLS()), "https://"+l.Addr().String()
	}
	cfg := web.Config{Fleet: fleetView{cl}, Store: db, Journal: journal, People: h, Open: open, Version: buildVersion(), Log: own.Log}
	return &pages{
		at: at, cl: cl, listener: l,
		server: &http.Server{
			Handler: web.New(cfg), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
			BaseContext: func(net.Listener) context.Context { return ctx }, ErrorLog: slog.NewLogLogger(own.Log.Handler(), slog.LevelDebug),
		},
	}, nil
}

// serve serves the pages until the hub ends.
func (p *pages) serve(log *slog.Logger) {
	if err := p.server.Serve(p.listener); !errors.Is(err, http.ErrServerClosed) {
		log.Error("the pages have ended", "why", err)
	}
}

func (p *pages) close() {
	p.server.Close()
	p.cl.Close()
}

// onLoopback checks an address that only this machine may reach.
func onLoopback(flag, addr string) (bool, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false, usage("%s %q: want host:port, for example 127.0.0.1:8080", flag, addr)
	}
	if host == "localhost" {
		return true, nil
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback(), nil
}
