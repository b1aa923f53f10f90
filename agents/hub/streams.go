package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"assay/agents"

	"github.com/nats-io/nats.go/jetstream"
)

// maxBeat bounds what a device may say of itself.
const maxBeat = 256 << 10 // B

// remembered is how long the hub knows a dispatch and its outcomes: far longer
// than a job may last. A plan goes before its outcomes, since it is older, so
// no job opens again. Results are in the store for ever.
const remembered = 90 * 24 * time.Hour

// streams makes sure that streams and buckets are there.
//
// What cannot be had again is on the disk before it is confirmed: plans,
// outcomes, members. The queues are not what anything rests on, and one flush
// of the disk for each message of theirs would be most of what a job costs: a
// job that a failing disk took out of its queue is still in its plan and is
// queued again (requeue); a result is sent again until its outcome is kept.
func (h *Hub) streams(ctx context.Context) error {
	var err error
	// The window of duplicates only saves work: jobs and outcomes have keys
	// of their own.
	// Jobs stay until the hub takes them out: a work queue would ask every
	// consumer, of which there are two for each device, whether it still wants
	// a message that was acknowledged.
	h.jobs, err = h.queueStream(ctx, jetstream.StreamConfig{
		Name: agents.Jobs, Subjects: []string{"jobs.>"}, Retention: jetstream.LimitsPolicy, Duplicates: time.Hour,
		MaxConsumers: 1 << 20, // two for each device, two for each class; the server's own limit is 1000
	})
	if err == nil {
		_, err = h.queueStream(ctx, jetstream.StreamConfig{
			Name: agents.Results, Subjects: []string{agents.Result("*", "*")}, Retention: jetstream.WorkQueuePolicy, Duplicates: time.Hour,
		})
	}
	if err == nil { // a heartbeat comes again within seconds
		_, err = h.queueStream(ctx, jetstream.StreamConfig{
			Name: "KV_" + agents.States, Subjects: []string{"$KV." + agents.States + ".>"}, MaxMsgsPerSubject: 1, MaxMsgSize: maxBeat,
			Discard: jetstream.DiscardNew, AllowRollup: true, DenyDelete: true, AllowDirect: true, Duplicates: 2 * time.Minute,
		})
	}
	if err != nil {
		return fmt.Errorf("streams: %w", err)
	}
	if h.states, err = h.js.KeyValue(ctx, agents.States); err != nil {
		return fmt.Errorf("bucket %s: %w", agents.States, err)
	}
	for _, b := range []struct {
		name string
		to   *jetstream.KeyValue
		life time.Duration // of a value; 0 is for ever
	}{
		{agents.Enrolled, &h.members, 0},
		{agents.Tokens, &h.tokens, tokenLife},
		{agents.Dispatches, &h.dispatches, remembered},
		{agents.Outcomes, &h.outcomes, remembered},
		{agents.Schedules, &h.schedules, 0},
		{agents.People, &h.persons, 0},
	} {
		if *b.to, err = h.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: b.name, TTL: b.life, Replicas: h.cfg.Cluster.Replicas}); err != nil {
			return fmt.Errorf("bucket %s: %w", b.name, err)
		}
	}
	if err := h.batched(ctx, "KV_"+agents.Outcomes); err != nil {
		return fmt.Errorf("bucket %s: %w", agents.Outcomes, err)
	}
	if h.models, err = h.js.CreateOrUpdateObjectStore(ctx, jetstream.ObjectStoreConfig{Bucket: agents.Models, Replicas: h.cfg.Cluster.Replicas}); err != nil {
		return fmt.Errorf("bucket %s: %w", agents.Models, err)
	}
	return nil
}

// queueStream makes sure that a stream is there whose messages need not be on
// the disk one by one. How a stream is written is settled when it is made: one
// that an older hub has made is made anew when nothing is in it.
func (h *Hub) queueStream(ctx context.Context, cfg jetstream.StreamConfig) (jetstream.Stream, error) {
	cfg.Replicas = h.cfg.Cluster.Replicas
	if cfg.Replicas <= 1 { // several servers have it, whatever one of them loses
		cfg.PersistMode = jetstream.AsyncPersistMode
	}
	old, err := h.js.Stream(ctx, cfg.Name)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
	case err != nil:
		return nil, err
	case old.CachedInfo().Config.PersistMode == cfg.PersistMode && old.CachedInfo().Config.Retention == cfg.Retention:
	case old.CachedInfo().State.Msgs > 0:
		was := old.CachedInfo().Config
		cfg.PersistMode, cfg.MaxConsumers, cfg.Retention = was.PersistMode, was.MaxConsumers, was.Retention
	default:
		if err := h.js.DeleteStream(ctx, cfg.Name); err != nil {
			return nil, err
		}
	}
	return h.js.CreateOrUpdateStream(ctx, cfg)
}

// batched lets many messages of a stream share one flush of the disk.
func (h *Hub) batched(ctx context.Context, stream string) error {
	s, err := h.js.Stream(ctx, stream)
	if err != nil {
		return err
	}
	cfg := s.CachedInfo().Config
	cfg.AllowAtomicPublish = true
	_, err = h.js.UpdateStream(ctx, cfg)
	return err
}

// load fills the mirrors.
func (h *Hub) load(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return errors.Join(
		each(ctx, h.members, func(id string, e agents.Enrolment) { h.enrolled[id], h.keys[e.Key] = e, id }),
		each(ctx, h.persons, func(name string, p Person) { h.people[name] = p }),
		each(ctx, h.tokens, func(key string, until time.Time) { h.invited[key] = until }),
		each(ctx, h.dispatches, func(_ string, p agents.Plan) { h.addPlan(p) }),
		each(ctx, h.outcomes, func(_ string, o agents.Outcome) { h.note(o) }),
	)
}

// note enters an outcome into the mirrors; h.mu is held.
func (h *Hub) note(o agents.Outcome) {
	o.Result = nil // megabytes that are in the store
	h.ended[o.Job] = o
	if l, ok := h.last[o.Agent]; o.Agent != "" && (!ok || o.At.After(l.At)) {
		h.last[o.Agent] = o
	}
}

// each calls f for every value of a bucket.
func each[T any](ctx context.Context, kv jetstream.KeyValue, f func(key string, v T)) error {
	w, err := kv.WatchAll(ctx, jetstream.IgnoreDeletes())
	if err != nil {
		return fmt.Errorf("read bucket %s: %w", kv.Bucket(), err)
	}
	defer w.Stop()
	for e := range w.Updates() {
		if e == nil { // all that was there
			return nil
		}
		var v T
		if err := json.Unmarshal(e.Value(), &v); err != nil {
			return fmt.Errorf("read bucket %s, key %s: %w", kv.Bucket(), e.Key(), err)
		}
		f(e.Key(), v)
	}
	return fmt.Errorf("read bucket %s: %w", kv.Bucket(), context.Cause(ctx))
}

// put writes a value as JSON.
func (h *Hub) put(ctx context.Context, kv jetstream.KeyValue, key string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return steady(ctx, h.log, "write "+kv.Bucket(), func() error {
		_, err := kv.Put(ctx, key, b)
		return err
	})
}
