package agents_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"assay/agents"
	"assay/agents/agent"
	"assay/bench"
)

// TestDispatch: each device that matches runs the job, or one of each class.
func TestDispatch(t *testing.T) {
	f := newFleet(t)
	for id, class := range map[string]string{"a1": "pi", "a2": "pi", "b1": "orin"} {
		f.run(t, agentConfig(f.join(t, id, class), id, class, slog.LevelWarn))
	}
	f.join(t, "b2", "orin") // joined and never seen
	f.here(t, 3)

	f.order(t, "each", "class=pi | class=orin", false)
	got := map[string]string{}
	for _, s := range f.ends(t, "each") {
		got[s.Target.Device] = string(s.State) + " by " + s.Agent
	}
	want := map[string]string{"a1": "done by a1", "a2": "done by a2", "b1": "done by b1", "b2": "missing by "}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("each: %v, want %v", got, want)
	}

	f.order(t, "any", "arch=arm64", true)
	classes := map[string]string{}
	for _, s := range f.ends(t, "any") {
		classes[s.Target.Class] = string(s.State)
	}
	if want := map[string]string{"pi": "done", "orin": "done"}; fmt.Sprint(classes) != fmt.Sprint(want) {
		t.Errorf("any: %v, want %v", classes, want)
	}

	before := len(files{f.cfg.Keeper.(files).dir}.kept(t))
	again := f.order(t, "each", "class=pi", false) // the same id: the same dispatch
	if len(again.Targets) != 4 {
		t.Errorf("an order that came twice has %d targets, want the first one's 4", len(again.Targets))
	}
	if _, err := f.cl.Dispatch(t.Context(), agents.Order{ID: "none", Lane: "nightly", To: "class=rpi9", Expire: time.Hour, Job: agents.Job{Document: "x"}}); err == nil ||
		!strings.Contains(err.Error(), `no device matches "class=rpi9" (have arch=arm64, class=orin, class=pi)`) {
		t.Errorf("nobody matches: %v", err)
	}
	if after := len(files{f.cfg.Keeper.(files).dir}.kept(t)); after != before || after != 5 {
		t.Errorf("%d runs are kept, then %d; want 5", before, after)
	}
	all, err := f.cl.Fleet(t.Context())
	if err != nil || len(all) != 4 || all[0].ID != "b1" || all[0].Last == nil || all[0].Last.State != agents.Done || all[1].Away != "never seen" {
		t.Errorf("fleet: %+v, %v", all, err)
	}
}

// TestRefusal: what a device cannot run, and what it fails at, is said with
// the reason.
func TestRefusal(t *testing.T) {
	f := newFleet(t)
	for id, err := range map[string]error{"no": fmt.Errorf("no engine: %w", errors.ErrUnsupported), "bad": errors.New("the board is on fire")} {
		cfg := agentConfig(f.join(t, id, "pi"), id, "pi", slog.LevelWarn)
		cfg.Bench = fake{id: id, run: func(context.Context, agent.Task) error { return err }}
		f.run(t, cfg)
	}
	f.here(t, 2)
	f.order(t, "d", "", false)
	for _, s := range f.ends(t, "d") {
		want := map[string]string{"no": "refused: no engine", "bad": "failed: the board is on fire"}[s.Agent]
		if got := string(s.State) + ": " + s.Outcome.Reason; got != want {
			t.Errorf("%s: %q, want %q", s.Agent, got, want)
		}
	}
}

// TestCancel stops a job that runs and one that waits; the agent goes on.
func TestCancel(t *testing.T) {
	f := newFleet(t)
	running, stopped := make(chan string, 1), make(chan string, 1)
	cfg := agentConfig(f.join(t, "a", "pi"), "a", "pi", slog.LevelWarn)
	cfg.Bench = fake{id: "a", run: func(ctx context.Context, t agent.Task) error {
		if t.Dispatch == "last" {
			return nil
		}
		running <- t.ID
		<-ctx.Done()
		stopped <- t.ID
		return ctx.Err()
	}}
	f.run(t, cfg)
	f.here(t, 1)
	f.order(t, "first", "", false)
	f.order(t, "second", "", false)
	f.order(t, "last", "", false)
	if job := <-running; job != "first-1" {
		t.Fatalf("job %s runs, want the one dispatched first", job)
	}
	for _, id := range []string{"second", "first-1"} {
		if n, err := f.cl.Cancel(t.Context(), id); n != 1 || err != nil {
			t.Fatalf("cancel %s: %d jobs, %v", id, n, err)
		}
	}
	<-stopped
	if s := f.ends(t, "last"); s[0].State != agents.Done {
		t.Errorf("the job after the cancelled ones is %s", s[0].State)
	}
	for _, id := range []string{"first", "second"} {
		if s := f.ends(t, id); s[0].State != agents.Cancelled {
			t.Errorf("%s is %s", id, s[0].State)
		}
	}
	if _, err := f.cl.Cancel(t.Context(), "third"); err == nil {
		t.Error("what was never dispatched is cancelled")
	}
}

// TestPriority: a gate is run before what was dispatched earlier for the night.
func TestPriority(t *testing.T) {
	f := newFleet(t)
	next, order := make(chan bool), make(chan string, 3)
	cfg := agentConfig(f.join(t, "a", "pi"), "a", "pi", slog.LevelWarn)
	cfg.Bench = fake{id: "a", run: func(_ context.Context, t agent.Task) error {
		order <- t.ID
		<-next
		return nil
	}}
	f.run(t, cfg)
	f.here(t, 1)
	f.order(t, "running", "", false)
	first := <-order
	f.order(t, "night", "", false)
	for id, lane := range map[string]string{"gate": "gate", "wrong": "morning"} {
		_, err := f.cl.Dispatch(t.Context(), agents.Order{ID: id, Lane: lane, Any: true, Expire: time.Hour, Job: agents.Job{Document: "x"}})
		if (err == nil) != (id == "gate") || err != nil && !strings.Contains(err.Error(), `unknown priority "morning" (have gate, nightly)`) {
			t.Errorf("%s: %v", id, err)
		}
	}
	close(next)
	if got := []string{first, <-order, <-order}; !slices.Equal(got, []string{"running-1", "gate-1", "night-1"}) {
		t.Errorf("order %v", got)
	}
	f.ends(t, "night")
}

// TestDrain: a device that is drained ends its job and begins no other until
// it is resumed; a dispatch meanwhile says so.
func TestDrain(t *testing.T) {
	f := newFleet(t)
	begun, next := make(chan string, 10), make(chan bool)
	cfg := agentConfig(f.join(t, "a", "pi"), "a", "pi", slog.LevelWarn)
	cfg.Bench = fake{id: "a", run: func(_ context.Context, t agent.Task) error {
		begun <- t.ID
		<-next
		return nil
	}}
	f.run(t, cfg)
	f.here(t, 1)
	f.order(t, "hand", "", false)
	<-begun
	f.order(t, "waits", "", false)
	if err := f.cl.Drain(t.Context(), "a", true); err != nil {
		t.Fatal(err)
	}
	f.order(t, "later", "", false)
	if s := f.ends(t, "later"); s[0].State != agents.Missing || !strings.Contains(s[0].Outcome.Reason, "it is drained") {
		t.Errorf("a dispatch to a drained device is %s: %s", s[0].State, s[0].Outcome.Reason)
	}
	close(next)
	if s := f.ends(t, "hand"); s[0].State != agents.Done {
		t.Errorf("the job in hand is %s", s[0].State)
	}
	time.Sleep(3 * cfg.Every) // it looks for jobs in that time
	if s, err := f.cl.Status(t.Context(), "waits"); err != nil || s[0].Outcome != nil || len(begun) > 0 {
		t.Errorf("the job that waits: %+v, %v, begun %d", s, err, len(begun))
	}
	f.Close() // a hub that was started again knows it too
	f.start(t)
	time.Sleep(3 * cfg.Every)
	if len(begun) > 0 {
		t.Error("after a restart of the hub a drained device begins a job")
	}
	if err := f.cl.Drain(t.Context(), "a", false); err != nil {
		t.Fatal(err)
	}
	if s := f.ends(t, "waits"); s[0].State != agents.Done {
		t.Errorf("the job that waited is %s", s[0].State)
	}
	if err := f.cl.Drain(t.Context(), "nobody", true); err == nil {
		t.Error("a device that is not enrolled is drained")
	}
}

// TestProgress: lines come while the job runs.
func TestProgress(t *testing.T) {
	f := newFleet(t)
	told := make(chan agents.Event, 100)
	if err := f.cl.Events(func(e agents.Event) { told <- e }); err != nil {
		t.Fatal(err)
	}
	next := make(chan bool)
	cfg := agentConfig(f.join(t, "a", "pi"), "a", "pi", slog.LevelWarn)
	cfg.Bench = fake{id: "a", run: func(_ context.Context, t agent.Task) error {
		t.Say("a line for the log")
		t.Progress(bench.Step{Phase: "timing", Group: "resnet8 on native", Done: 0.25})
		<-next
		return nil
	}}
	f.run(t, cfg)
	f.here(t, 1)
	f.order(t, "d", "", false)
	logged := false
	for e := range told {
		logged = logged || e.Text == "a line for the log"
		if e.Text == "timing: resnet8 on native" {
			if e.Job != "d-1" || e.Agent != "a" || e.Done != 0.25 {
				t.Errorf("event %+v", e)
			}
			break
		}
	}
	if !logged {
		t.Error("the line for the log did not come")
	}
	until(t, "the status tells the step", func() bool {
		all, err := f.cl.Status(t.Context(), "d")
		return err == nil && all[0].Step == "timing: resnet8 on native" && all[0].State == "running"
	})
	close(next)
	f.ends(t, "d")
}

// TestFiles: a model's file comes to the device whole, once, also in parts;
// the cache forgets the oldest.
func TestFiles(t *testing.T) {
	f := newFleet(t)
	var sent []agents.ModelFile
	for i := range 3 {
		b := bytes.Repeat([]byte{byte(i), 1, 2}, 400_000) // 1.2 MB, more than two parts
		sum := sha256.Sum256(b)
		m := agents.ModelFile{SHA256: hex.EncodeToString(sum[:]), Format: "onnx", Size: int64(len(b))}
		path := filepath.Join(t.TempDir(), "model")
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second finds it there
			if err := f.cl.Send(t.Context(), path, m); err != nil {
				t.Fatal(err)
			}
		}
		sent = append(sent, m)
	}
	dir := f.join(t, "a", "pi")
	cache := filepath.Join(dir, "cache")
	cfg := agentConfig(dir, "a", "pi", slog.LevelWarn)
	cfg.Cache = 2_500_000 // two of them
	var seen atomic.Value
	cfg.Bench = fake{id: "a", run: func(_ context.Context, t agent.Task) error {
		b, err := os.ReadFile(filepath.Join(filepath.Dir(t.Path), t.Files[0].Name()))
		sum := sha256.Sum256(b)
		seen.Store(hex.EncodeToString(sum[:]))
		return err
	}}
	f.run(t, cfg)
	f.here(t, 1)
	job := func(id string, m agents.ModelFile) {
		t.Helper()
		f.order(t, id, "", false, m)
		if s := f.ends(t, id); s[0].State != agents.Done || seen.Load() != m.SHA256 {
			t.Fatalf("%s: %s %s, the device saw %v, want %s", id, s[0].State, s[0].Outcome.Reason, seen.Load(), m.SHA256)
		}
	}
	job("j0", sent[0])
	job("j1", sent[1])
	damaged := filepath.Join(cache, sent[0].Name())
	if err := os.WriteFile(damaged, []byte("bits were lost"), 0o600); err != nil {
		t.Fatal(err)
	}
	job("j2", sent[0]) // fetched anew
	job("j3", sent[2]) // the second must go
	if _, err := os.Stat(filepath.Join(cache, sent[1].Name())); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file not used for longest is still there (%v)", err)
	}
	part := filepath.Join(cache, sent[1].Name()+".part")
	whole := bytes.Repeat([]byte{1, 1, 2}, 400_000)
	for _, try := range []struct {
		id    string
		begun []byte
	}{{"bad", make([]byte, 700_000)}, {"good", whole[:700_000]}} {
		if err := os.WriteFile(part, try.begun, 0o600); err != nil {
			t.Fatal(err)
		}
		if try.id == "good" { // what an earlier attempt left is gone on with
			job(try.id, sent[1])
			continue
		}
		f.order(t, try.id, "", false, sent[1])
		if s := f.ends(t, try.id); s[0].State != agents.Failed || !strings.Contains(s[0].Outcome.Reason, "what the hub sent has sha256") {
			t.Errorf("a part that does not belong to the file: %s %s", s[0].State, s[0].Outcome.Reason)
		}
	}
	lacking := agents.ModelFile{SHA256: strings.Repeat("ab", 32), Format: "onnx", Size: 10}
	f.order(t, "j5", "", false, lacking)
	if s := f.ends(t, "j5"); s[0].State != agents.Failed || !strings.Contains(s[0].Outcome.Reason, "object not found") {
		t.Errorf("a file that was never sent: %s %s", s[0].State, s[0].Outcome.Reason)
	}
	f.order(t, "large", "", false, sent...)
	if s := f.ends(t, "large"); s[0].State != agents.Failed || !strings.Contains(s[0].Outcome.Reason, "take 3600000 bytes, the cache holds 2500000") {
		t.Errorf("files that the cache cannot hold: %s %s", s[0].State, s[0].Outcome.Reason)
	}
	evil := agents.ModelFile{SHA256: "../../" + strings.Repeat("a", 58), Format: "onnx", Size: 10}
	f.order(t, "j6", "", false, evil)
	if s := f.ends(t, "j6"); s[0].State != agents.Failed || !strings.Contains(s[0].Outcome.Reason, "want a sha256") {
		t.Errorf("a file outside of the cache: %s %s", s[0].State, s[0].Outcome.Reason)
	}
}
