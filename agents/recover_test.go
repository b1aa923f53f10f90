package agents_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"assay/agents"
	"assay/agents/agent"

	"github.com/nats-io/nats.go/jetstream"
)

// TestStoredNotAcknowledged: a job whose result is stored leaves the queue though
// its agent dies before it hears so, and is not run again.
func TestStoredNotAcknowledged(t *testing.T) {
	f := newFleet(t)
	dir := f.join(t, "a", "pi")
	cfg := agentConfig(dir, "a", "pi", slog.LevelWarn)
	cfg.Bench = fake{id: "a", run: func(_ context.Context, task agent.Task) error {
		if task.Job.ID == "d-1" {
			t.Error("the job runs again")
		}
		return nil
	}}
	stop := f.run(t, cfg)
	f.here(t, 1)
	stop()
	f.order(t, "d", "", false)
	nc, err := stolen(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	c, err := js.Consumer(t.Context(), agents.Jobs, agents.Queue{Lane: "nightly", Kind: "device", Name: "a"}.Consumer())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Next(jetstream.FetchMaxWait(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	r, err := json.Marshal(record{Run: "r", Job: "d-1", Device: "a"})
	if err != nil {
		t.Fatal(err)
	}
	o := agents.Outcome{Job: "d-1", State: agents.Done, Run: "r", Result: r}
	b, err := o.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), agents.Result("a", "d-1"), b); err != nil {
		t.Fatal(err)
	}
	if s := f.ends(t, "d"); s[0].State != agents.Done || s[0].Outcome.Run != "r" {
		t.Fatalf("the job is %s, run %s", s[0].State, s[0].Outcome.Run)
	}
	until(t, "the queue is empty", func() bool {
		i, err := c.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return i.NumAckPending == 0 && i.NumPending == 0
	})
	nc.Close()
	f.run(t, cfg)
	f.here(t, 1)
	f.order(t, "e", "", false)
	if s := f.ends(t, "e"); s[0].State != agents.Done {
		t.Errorf("the next job is %s: %s", s[0].State, s[0].Outcome.Reason)
	}
}

// TestHubWasDown: a device that was there when the hub went down is not away
// because nobody heard it since, however long that was; one that was away then
// is, and so is the first when it stays silent.
func TestHubWasDown(t *testing.T) {
	f := newFleet(t)
	f.Close()
	f.cfg.Stale = 2 * time.Second
	f.start(t)
	here := f.run(t, agentConfig(f.join(t, "a", "pi"), "a", "pi", slog.LevelWarn))
	away := f.run(t, agentConfig(f.join(t, "b", "pi"), "b", "pi", slog.LevelWarn))
	f.here(t, 2)
	away()
	gone := time.Now()
	until(t, "one is away by far", func() bool { return time.Since(gone) > 2*f.cfg.Stale })
	f.here(t, 1)
	here()
	f.Close()
	down := time.Now()
	until(t, "the hub was down for longer than a device may be silent", func() bool { return time.Since(down) > f.cfg.Stale+time.Second })
	f.start(t)
	all, err := f.cl.Fleet(t.Context())
	if err != nil || len(all) != 2 {
		t.Fatalf("%+v, %v", all, err)
	}
	for _, m := range all {
		if (m.Away == "") != (m.ID == "a") {
			t.Errorf("%s is away: %q", m.ID, m.Away)
		}
	}
	f.here(t, 0)
}

// TestDeadly: a job that kills its agent each time ends as failed.
func TestDeadly(t *testing.T) {
	f := newFleet(t)
	dir := f.join(t, "a", "pi")
	c := &child{log: &safeBuffer{}, env: []string{"FLEET_ROLE=agent", "FLEET_DIR=" + dir, "FLEET_ID=a", "FLEET_CLASS=pi", "FLEET_DEADLY=1"}}
	stop := f.run(t, agentConfig(dir, "a", "pi", slog.LevelWarn))
	f.here(t, 1)
	stop()
	f.order(t, "d", "", false)
	for range 5 {
		c.start(t)
		if err := c.cmd.Wait(); err == nil || err.Error() != "exit status 9" {
			t.Fatalf("the agent ends with %v, want it dead by the job:\n%s", err, c.log)
		}
	}
	c.start(t)
	defer c.kill(t)
	if s := f.ends(t, "d"); s[0].State != agents.Failed || s[0].Outcome.Reason != "it was begun 5 times, and the agent never survived it" {
		t.Errorf("the job is %s: %s", s[0].State, s[0].Outcome.Reason)
	}
}

// TestDiskFull: an outcome that the device cannot keep is sent all the same.
func TestDiskFull(t *testing.T) {
	f := newFleet(t)
	dir := f.join(t, "a", "pi")
	cfg := agentConfig(dir, "a", "pi", slog.LevelError+1)
	cfg.Bench = fake{id: "a", run: func(context.Context, agent.Task) error {
		return os.RemoveAll(filepath.Join(dir, "outbox")) // no file can be written there any more
	}}
	f.run(t, cfg)
	f.here(t, 1)
	for _, id := range []string{"d", "e"} {
		f.order(t, id, "", false)
		if s := f.ends(t, id); s[0].State != agents.Done {
			t.Errorf("%s is %s: %s", id, s[0].State, s[0].Outcome.Reason)
		}
	}
}

// TestUnreadable: an outcome that the hub cannot read ends the job, so that
// its agent does not wait for ever.
func TestUnreadable(t *testing.T) {
	f := newFleet(t)
	dir := f.join(t, "a", "pi")
	stop := f.run(t, agentConfig(dir, "a", "pi", slog.LevelWarn))
	f.here(t, 1)
	stop()
	nc, err := stolen(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	for id, b := range map[string]string{"x": "nonsense", "y": `{"job":"z","state":"done"}` + "\n", "z": `{"job":"z-1","state":"done"}` + "\n" + "no result"} {
		f.order(t, id, "", false)
		if _, err := js.Publish(t.Context(), agents.Result("a", id+"-1"), []byte(b)); err != nil {
			t.Fatal(err)
		}
		if s := f.ends(t, id); s[0].State != agents.Failed || s[0].Outcome.Reason == "" {
			t.Errorf("%q: %s %s", b, s[0].State, s[0].Outcome.Reason)
		}
	}
}

// TestResumes: an agent that is told to stop in mid-job gives the job back and
// runs it when it is there again, at once.
func TestResumes(t *testing.T) {
	f := newFleet(t)
	dir := f.join(t, "a", "pi")
	begun := make(chan bool)
	cfg := agentConfig(dir, "a", "pi", slog.LevelWarn)
	cfg.Bench = fake{id: "a", run: func(ctx context.Context, _ agent.Task) error {
		close(begun)
		<-ctx.Done()
		return ctx.Err()
	}}
	stop := f.run(t, cfg)
	f.here(t, 1)
	f.order(t, "d", "", false)
	<-begun
	stop()
	f.run(t, agentConfig(dir, "a", "pi", slog.LevelWarn))
	if s := f.ends(t, "d"); s[0].State != agents.Done {
		t.Errorf("the job is %s", s[0].State)
	}
}
