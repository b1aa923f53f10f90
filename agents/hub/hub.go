// Package hub gives suites to devices as jobs and takes their results. It
// embeds NATS with JetStream; all its state is there and in the store of
// results, so that it can be killed at any moment and started again, here or
// elsewhere.
package hub

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"assay/agents"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"
)

// A Keeper is where results go; cmd/assay makes one of reports/store.
type Keeper interface {
	// Keep stores a result as its device packed it, and returns the run's
	// id once it is stored. Keeping one twice changes nothing. An error that
	// wraps ErrBad says that it is no result, or not one of that device.
	Keep(ctx context.Context, device string, packed []byte) (run string, err error)

	// Packed returns a stored result as Keep takes it.
	Packed(ctx context.Context, run string) ([]byte, error)
}

// ErrBad is wrapped by errors of Keep that trying again would not mend.
var ErrBad = errors.New("not a result")

// Config says where a hub lives.
type Config struct {
	Dir       string // of all its state
	Listen    string // host:port
	Advertise string // host:port that devices dial, Listen where empty
	Keeper    Keeper
	Log       *slog.Logger
	TLS       TLSFiles // zero: the hub makes a certificate of its own
	Mutual    bool     // whoever connects must show a certificate of its own key, too

	// AckWait is how long a job that nobody speaks of stays with its
	// device; an agent speaks of it three times as often.
	AckWait time.Duration

	// Stale is how long after its last heartbeat a device is away.
	Stale time.Duration
}

// Defaults of a hub. A device at rest sends a heartbeat every 20 s, but an agent
// keeps silent while something is timed: for 5 minutes at most, the deadline of
// loading a model.
const (
	DefaultAckWait = 10 * time.Minute
	DefaultStale   = 6 * time.Minute
)

// A Hub is a running hub.
type Hub struct {
	cfg      Config
	log      *slog.Logger
	server   *server.Server
	nc       *nats.Conn
	js       jetstream.JetStream
	jobs     jetstream.Stream
	cert     tls.Certificate
	address  agents.Address
	ownKey   string // public keys
	adminKey string

	members, states, tokens, dispatches, outcomes, schedules, persons jetstream.KeyValue
	models                                                            jetstream.ObjectStore

	mu       sync.Mutex // guards what follows, which mirrors the buckets
	enrolled map[string]agents.Enrolment
	keys     map[string]string // agent by public key
	invited  map[string]time.Time
	people   map[string]Person // by name
	plans    map[string]agents.Plan
	targets  map[string]place // by job
	ended    map[string]agents.Outcome

	enrolling   sync.Mutex
	dispatching sync.Mutex
	ending      sync.Mutex
	spooling    sync.Mutex
	stop        func()
	done        sync.WaitGroup
}

// place is where a job stands in a plan.
type place struct {
	dispatch string
	target   agents.Target
}

// Start starts a hub. Close ends it.
func Start(ctx context.Context, cfg Config) (*Hub, error) {
	if cfg.AckWait == 0 {
		cfg.AckWait = DefaultAckWait
	}
	if cfg.Stale == 0 {
		cfg.Stale = DefaultStale
	}
	h := &Hub{
		cfg: cfg, log: cfg.Log, enrolled: map[string]agents.Enrolment{}, keys: map[string]string{}, invited: map[string]time.Time{}, people: map[string]Person{},
		plans: map[string]agents.Plan{}, targets: map[string]place{}, ended: map[string]agents.Outcome{},
	}
	if err := h.start(ctx); err != nil {
		h.Close()
		return nil, fmt.Errorf("hub in %s: %w", cfg.Dir, err)
	}
	return h, nil
}

func (h *Hub) start(ctx context.Context) error {
	if err := os.MkdirAll(h.cfg.Dir, 0o700); err != nil {
		return err
	}
	var err error
	if h.cert, h.address, err = h.identity(); err != nil {
		return err
	}
	own, err := nkeys.CreateUser()
	if err != nil {
		return err
	}
	if h.ownKey, err = own.PublicKey(); err != nil {
		return err
	}
	if h.adminKey, err = adminKey(h.cfg.Dir, agents.Address{Host: h.cfg.Listen, CA: h.address.CA, Name: h.address.Name}); err != nil {
		return err
	}
	if err := h.startServer(); err != nil {
		return err
	}
	h.nc, err = nats.Connect("", nats.InProcessServer(h.server), nats.Nkey(h.ownKey, own.Sign), nats.Name(hubUser))
	if err != nil {
		return fmt.Errorf("connect to its own server: %w", err)
	}
	if err := h.streams(ctx); err != nil {
		return err
	}
	if err := h.load(ctx); err != nil {
		return err
	}
	if err := h.requeue(ctx); err != nil {
		return err
	}
	return h.listen(ctx)
}

// Close ends the hub; what it was told is on the disk.
func (h *Hub) Close() {
	if h.stop != nil {
		h.stop()
		h.done.Wait()
	}
	if h.nc != nil {
		h.nc.Close()
	}
	if h.server != nil {
		h.server.Shutdown()
		h.server.WaitForShutdown()
	}
}

// maxBeat bounds what a device may say of itself.
const maxBeat = 256 << 10 // B

// remembered is how long the hub knows a dispatch and its outcomes: far longer
// than a job may last. A plan goes before its outcomes, since it is older, so
// no job opens again. Results are in the store for ever.
const remembered = 90 * 24 * time.Hour

// streams makes sure that streams and buckets are there.
func (h *Hub) streams(ctx context.Context) error {
	var err error
	if h.js, err = jetstream.New(h.nc); err != nil {
		return err
	}
	// The window of duplicates only saves work: jobs and outcomes have keys
	// of their own.
	h.jobs, err = h.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: agents.Jobs, Subjects: []string{"jobs.>"}, Retention: jetstream.WorkQueuePolicy, Duplicates: time.Hour,
	})
	if err == nil {
		_, err = h.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
			Name: agents.Results, Subjects: []string{agents.Result("*", "*")}, Retention: jetstream.WorkQueuePolicy, Duplicates: time.Hour,
		})
	}
	if err != nil {
		return fmt.Errorf("streams: %w", err)
	}
	for _, b := range []struct {
		name string
		to   *jetstream.KeyValue
		life time.Duration // of a value; 0 is for ever
		most int32         // B of a value; 0 is what a message holds
	}{
		{agents.Enrolled, &h.members, 0, 0},
		{agents.States, &h.states, 0, maxBeat},
		{agents.Tokens, &h.tokens, tokenLife, 0},
		{agents.Dispatches, &h.dispatches, remembered, 0},
		{agents.Outcomes, &h.outcomes, remembered, 0},
		{agents.Schedules, &h.schedules, 0, 0},
		{agents.People, &h.persons, 0, 0},
	} {
		if *b.to, err = h.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: b.name, TTL: b.life, MaxValueSize: b.most}); err != nil {
			return fmt.Errorf("bucket %s: %w", b.name, err)
		}
	}
	if h.models, err = h.js.CreateOrUpdateObjectStore(ctx, jetstream.ObjectStoreConfig{Bucket: agents.Models}); err != nil {
		return fmt.Errorf("bucket %s: %w", agents.Models, err)
	}
	return nil
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
		each(ctx, h.outcomes, func(job string, o agents.Outcome) { h.ended[job] = o }),
	)
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
func put(ctx context.Context, kv jetstream.KeyValue, key string, v any) error {
	b, err := json.Marshal(v)
	if err == nil {
		_, err = kv.Put(ctx, key, b)
	}
	return err
}

// adminFile holds how administrators on the hub's machine reach it.
const adminFile = "admin.json"

// An adminEntry is the content of adminFile.
type adminEntry struct {
	Hub  agents.Address `json:"hub"`
	Seed string         `json:"seed"`
	Name string         `json:"name,omitempty"` // of the person, where this is a login
}

// adminKey returns the administrator's public key, made at the first start.
// Who can read the hub's folder is its administrator.
func adminKey(dir string, at agents.Address) (string, error) {
	path := filepath.Join(dir, adminFile)
	entry, err := readEntry(path)
	if errors.Is(err, os.ErrNotExist) {
		var pair nkeys.KeyPair
		if pair, err = nkeys.CreateUser(); err != nil {
			return "", err
		}
		seed, err := pair.Seed()
		if err != nil {
			return "", err
		}
		entry.Seed = string(seed)
	} else if err != nil {
		return "", err
	}
	pair, err := nkeys.FromSeed([]byte(entry.Seed))
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	entry.Hub = at
	b, err := json.Marshal(entry)
	if err != nil {
		return "", err
	}
	if err := agents.WriteFile(path, b); err != nil {
		return "", err
	}
	return pair.PublicKey()
}

func readEntry(path string) (adminEntry, error) {
	var e adminEntry
	b, err := os.ReadFile(path)
	if err != nil {
		return e, err
	}
	if err := json.Unmarshal(b, &e); err != nil {
		return e, fmt.Errorf("%s: %w", path, err)
	}
	return e, nil
}
