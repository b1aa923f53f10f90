package agents_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"assay/agents"
	"assay/agents/hub"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

// person lets somebody in, and returns the login and the person's connection.
func (f *fleet) person(t testing.TB, name, role string) (agents.Pass, *hub.Client) {
	t.Helper()
	text, err := f.cl.AddPerson(t.Context(), name, role)
	if err != nil {
		t.Fatal(err)
	}
	p, err := agents.ParsePass(text)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := hub.Login(dir, p); err != nil {
		t.Fatal(err)
	}
	cl, err := hub.Dial(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return p, cl
}

// raw connects with a person's login past the client.
func raw(t testing.TB, p agents.Pass, opts ...nats.Option) (*nats.Conn, error) {
	t.Helper()
	pair, err := nkeys.FromSeed([]byte(p.Seed))
	if err != nil {
		t.Fatal(err)
	}
	pub, err := pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return dial(t, p.Hub, append(opts, nats.Nkey(pub, pair.Sign), nats.CustomInboxPrefix(agents.PersonInbox(p.Name)))...)
}

// TestRoles: each role may do what it is for and nothing else; the server says
// no, not the client.
func TestRoles(t *testing.T) {
	f := newFleet(t)
	f.join(t, "a", "pi")
	order := agents.Order{ID: "x", Lane: "nightly", Expire: time.Hour, Job: agents.Job{Suite: "s", Document: "x"}}
	model := filepath.Join(t.TempDir(), "model")
	if err := os.WriteFile(model, []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	requests := []struct {
		name string
		role string // the least that may do so
		do   func(cl *hub.Client) error
	}{
		{"fleet", hub.RoleRead, func(cl *hub.Client) error { _, err := cl.Fleet(t.Context()); return err }},
		{"dispatches", hub.RoleRead, func(cl *hub.Client) error { _, err := cl.Dispatches(t.Context()); return err }},
		{"schedules", hub.RoleRead, func(cl *hub.Client) error { _, err := cl.Schedules(t.Context()); return err }},
		{"events", hub.RoleRead, func(cl *hub.Client) error { return cl.Events(func(agents.Event) {}) }},
		{"dispatch", hub.RoleDispatch, func(cl *hub.Client) error { _, err := cl.Dispatch(t.Context(), order); return err }},
		{"schedule", hub.RoleDispatch, func(cl *hub.Client) error {
			return cl.Schedule(t.Context(), agents.Schedule{ID: "n", Cron: "@daily", Order: order})
		}},
		{"unschedule", hub.RoleDispatch, func(cl *hub.Client) error { return ignore(cl.Unschedule(t.Context(), "none")) }},
		{"cancel", hub.RoleDispatch, func(cl *hub.Client) error { _, err := cl.Cancel(t.Context(), "none"); return ignore(err) }},
		{"invite", hub.RoleAdmin, func(cl *hub.Client) error { _, err := cl.Invite(t.Context()); return err }},
		{"drain", hub.RoleAdmin, func(cl *hub.Client) error { return ignore(cl.Drain(t.Context(), "none", true)) }},
		{"resume", hub.RoleAdmin, func(cl *hub.Client) error { return ignore(cl.Drain(t.Context(), "none", false)) }},
		{"revoke", hub.RoleAdmin, func(cl *hub.Client) error { return ignore(cl.Revoke(t.Context(), "none")) }},
		{"people", hub.RoleAdmin, func(cl *hub.Client) error { _, err := cl.People(t.Context()); return err }},
		{"add-person", hub.RoleAdmin, func(cl *hub.Client) error { _, err := cl.AddPerson(t.Context(), "me", "?"); return ignore(err) }},
		{"remove-person", hub.RoleAdmin, func(cl *hub.Client) error { return ignore(cl.RemovePerson(t.Context(), "none")) }},
	}
	rank := map[string]int{hub.RoleRead: 0, hub.RoleDispatch: 1, hub.RoleAdmin: 2}
	for _, role := range hub.Roles {
		_, cl := f.person(t, "with-"+role, role)
		for _, r := range requests {
			err := r.do(cl)
			switch may := rank[role] >= rank[r.role]; {
			case may && err != nil:
				t.Errorf("%s may not %s: %v", role, r.name, err)
			case !may && !errors.Is(err, hub.ErrRole):
				t.Errorf("%s may %s: %v", role, r.name, err)
			case !may && !strings.Contains(f.log.String(), `admin.`+r.name):
				t.Errorf("the hub's log does not say that %s wanted to %s", role, r.name)
			}
		}
		if role != hub.RoleRead {
			if err := cl.Send(t.Context(), model, agents.ModelFile{SHA256: strings.Repeat(string(role[0]), 64), Format: "onnx", Size: 3}); err != nil {
				t.Errorf("%s cannot send a model: %v", role, err)
			}
		}
	}
}

// ignore lets the hub's own no pass: who hears it was let through.
func ignore(err error) error {
	if errors.As(err, new(hub.Refusal)) {
		return nil
	}
	return err
}

// TestPersonsSubjects: a login opens requests, and neither queues nor what
// agents and other people say and hear.
func TestPersonsSubjects(t *testing.T) {
	f := newFleet(t)
	p, _ := f.person(t, "ann", hub.RoleAdmin)
	refused := make(chan error, 10)
	nc, err := raw(t, p, nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err }))
	if err != nil {
		t.Fatal(err)
	}
	for _, subject := range []string{"jobs.gate.device.a.1", agents.Result("a", "d-1"), agents.Wake("a"), "$KV." + agents.People + ".ann", "$JS.API.STREAM.DELETE.JOBS", "$JS.API.STREAM.PURGE.OBJ_models", "$JS.API.STREAM.MSG.GET.KV_people", agents.Progress("a", "d-1")} {
		if err := nc.Publish(subject, nil); err != nil {
			t.Fatal(err)
		}
		if err := <-refused; !strings.Contains(err.Error(), "Permissions Violation for Publish to \""+subject) {
			t.Errorf("%s: %v", subject, err)
		}
	}
	for _, subject := range []string{">", "admin.>", agents.PersonInbox("bob") + ".>", "_PEOPLE.>", "_INBOX.>", "jobs.>", "$KV.>"} {
		if _, err := nc.SubscribeSync(subject); err != nil {
			t.Fatal(err)
		}
		if err := <-refused; !strings.Contains(err.Error(), "Permissions Violation for Subscription to \""+subject) {
			t.Errorf("%s: %v", subject, err)
		}
	}
}

// TestPeople: a login is kept nowhere at the hub, survives it, and is over as
// soon as it is taken back.
func TestPeople(t *testing.T) {
	f := newFleet(t)
	p, _ := f.person(t, "ann", hub.RoleRead)
	if name, ok := f.Login(p.String()); name != "ann" || !ok || !f.Knows("ann") {
		t.Errorf("ann's login is %q's, %t", name, ok)
	}
	forged := p
	other, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := other.Seed()
	if err != nil {
		t.Fatal(err)
	}
	forged.Seed = string(seed)
	for _, text := range []string{"", "ann", p.Seed, forged.String(), p.String()[:40]} {
		if name, ok := f.Login(text); ok {
			t.Errorf("%.20q… logs %q in", text, name)
		}
	}
	if _, err := raw(t, forged); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("a login made up: %v", err)
	}
	for name, role := range map[string]string{"ann": hub.RoleRead, "a b": hub.RoleRead, "bob": "root"} {
		if _, err := f.cl.AddPerson(t.Context(), name, role); err == nil {
			t.Errorf("%q is added as %s", name, role)
		}
	}
	nowhere(t, f.cfg.Dir, p.Seed)
	f.Close()
	f.start(t)
	closed := make(chan bool)
	if _, err := raw(t, p, nats.ClosedHandler(func(*nats.Conn) { close(closed) })); err != nil {
		t.Fatalf("after a restart: %v", err)
	}
	if all, err := f.cl.People(t.Context()); err != nil || len(all) != 1 || all[0].Name != "ann" {
		t.Errorf("people are %v, %v", all, err)
	}
	if err := f.cl.RemovePerson(t.Context(), "ann"); err != nil {
		t.Fatal(err)
	}
	select {
	case <-closed:
	case <-time.After(time.Minute):
		t.Fatal("the connection of a login that was taken back lives on")
	}
	if _, err := raw(t, p); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("a login that was taken back: %v", err)
	}
	if _, ok := f.Login(p.String()); ok || f.Knows("ann") {
		t.Error("a login that was taken back opens the pages")
	}
}

// nowhere expects that no file of a folder holds a secret.
func nowhere(t *testing.T, dir, secret string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(b), secret) {
			t.Errorf("%s holds the secret", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
