package hub

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"assay/agents"

	"github.com/nats-io/nats.go/jetstream"
)

// A pulse is the last heartbeat of a device and when the hub's side got it.
type pulse struct {
	agents.Beat
	at time.Time
}

// follow mirrors the heartbeats, those that are there at once, later ones as
// they come, until ctx is done.
func (h *Hub) follow(ctx context.Context) error {
	w, err := h.states.WatchAll(ctx)
	if err != nil {
		return fmt.Errorf("read heartbeats: %w", err)
	}
	context.AfterFunc(ctx, func() { _ = w.Stop() }) // it has ended by itself where the connection has
	known := make(chan struct{})
	h.done.Go(func() {
		for e := range w.Updates() {
			if e == nil { // all that was there
				close(known)
				continue
			}
			h.beaten(e)
		}
	})
	select {
	case <-known:
		h.hears()
		return nil
	case <-ctx.Done():
		return fmt.Errorf("read heartbeats: %w", context.Cause(ctx))
	}
}

// hears begins to count silence. Nobody heard a device while the hub was down,
// which was from the newest heartbeat of any device on.
func (h *Hub) hears() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.began, h.deaf = time.Now(), 0
	var newest time.Time
	for _, p := range h.pulses {
		if p.at.After(newest) {
			newest = p.at
		}
	}
	if !newest.IsZero() {
		h.deaf = max(0, h.began.Sub(newest))
	}
}

// silent is how long a device that was last heard at a time has been silent
// while somebody listened.
func (h *Hub) silent(at time.Time) time.Duration {
	ago := time.Since(at)
	if at.Before(h.began) {
		ago -= h.deaf
	}
	return ago
}

func (h *Hub) beaten(e jetstream.KeyValueEntry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if e.Operation() != jetstream.KeyValuePut {
		delete(h.pulses, e.Key())
		return
	}
	p := pulse{at: e.Created()}
	if err := json.Unmarshal(e.Value(), &p.Beat); err != nil {
		h.log.Warn("a heartbeat cannot be read", "agent", e.Key(), "why", err)
		return
	}
	h.pulses[e.Key()] = p
}
