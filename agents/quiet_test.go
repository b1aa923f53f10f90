package agents_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"assay/agents/agent"
	"assay/bench"
)

// TestQuiet: while a timed region is open nothing leaves the device, though
// progress, heartbeats, answers to pings and word of the job are all due; the
// job is not given to another meanwhile, and all of it is caught up afterwards.
func TestQuiet(t *testing.T) {
	f := newFleet(t)
	p := newProxy(t, f.cfg.Listen)
	f.cfg.Advertise = p.addr
	f.Close()
	f.start(t)
	cfg := agentConfig(f.join(t, "a", "pi"), "a", "pi", slog.LevelWarn)
	cfg.Every = 50 * time.Millisecond // heartbeats are due all the while
	regions := make(chan int64, 3)
	open := 0
	cfg.Bench = fake{id: "a", run: func(_ context.Context, task agent.Task) error {
		for range cap(regions) {
			open++
			task.Progress(bench.Step{Phase: "timing", Group: "block", Done: float64(open) / 10})
			task.Quiet.Lock()
			time.Sleep(100 * time.Millisecond) // what was written before arrives
			before := p.bytes()
			time.Sleep(ackWait / 2)
			regions <- p.bytes() - before
			task.Quiet.Unlock()
			time.Sleep(50 * time.Millisecond)
		}
		return nil
	}}
	f.run(t, cfg)
	f.here(t, 1)
	f.order(t, "d", "", false)
	f.ends(t, "d")
	close(regions)
	for n := range regions {
		if n != 0 {
			t.Errorf("%d bytes left the device while a timed region was open", n)
		}
	}
	if open != cap(regions) {
		t.Errorf("%d regions, want %d: the job was begun again", open, cap(regions))
	}
	if p.bytes() == 0 {
		t.Error("nothing went by way of the proxy: the test proves nothing")
	}
}
