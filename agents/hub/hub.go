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
	// Keep stores results and says of each, in their order, what became of
	// it; those without an error are on the disk when it returns. Keeping one
	// twice changes nothing. An error that wraps ErrBad says that it is no
	// result, or not one of that device; any other, that it may be kept later.
	Keep(ctx context.Context, all []Sent) []Kept

	// Packed returns a stored result as Keep takes it.
	Packed(ctx context.Context, run string) ([]byte, error)
}

// Sent is a result as its device packed it.
type Sent struct {
	Device string // that sent it
	Packed []byte
}

// Kept is the id of a run that is stored, or why it is not.
type Kept struct {
	Run string
	Err error
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

	// Cluster is where JetStream is instead of in this process, see
	// NATSCluster; empty for the server that the hub embeds.
	Cluster Cluster

	// Stale is how long after its last heartbeat a device is away; while the
	// hub is down does not count.
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
	removed  string // where the server says that a job left its queue
	jobs     jetstream.Stream
	cert     tls.Certificate
	address  agents.Address
	ownKey   string // public keys
	adminKey string

	members, states, tokens, dispatches, outcomes, schedules, persons jetstream.KeyValue
	models                                                            jetstream.ObjectStore

	owner  jetstream.KeyValue // see lease.go; nil without a cluster
	lease  []byte
	leased uint64 // revision
	gone   chan struct{}

	mu       sync.Mutex // guards what follows, which mirrors the buckets
	enrolled map[string]agents.Enrolment
	keys     map[string]string // agent by public key
	invited  map[string]time.Time
	people   map[string]Person // by name
	plans    map[string]agents.Plan
	targets  map[string]place // by job
	ended    map[string]agents.Outcome
	last     map[string]agents.Outcome // by agent
	pulses   map[string]pulse          // by agent
	began    time.Time                 // since when heartbeats are heard
	deaf     time.Duration             // how long before that nobody heard any

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
	seq      uint64 // of its message in the queue; 0 where it is not known
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
		last: map[string]agents.Outcome{}, pulses: map[string]pulse{}, gone: make(chan struct{}),
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
	if h.js, err = jetstream.New(h.nc, jetstream.WithPublishAsyncTimeout(patience)); err != nil {
		return err
	}
	h.removed = h.nc.NewInbox()
	if _, err := h.nc.Subscribe(h.removed, h.hearRemoved); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{h.own, h.streams, h.load, h.reconsume, h.requeue} {
		if err := steady(ctx, h.log, "start", func() error { return step(ctx) }); err != nil {
			return err
		}
	}
	return h.listen(ctx)
}

// Close ends the hub; what it was told is on the disk.
func (h *Hub) Close() {
	if h.stop != nil {
		h.stop()
		h.done.Wait()
	}
	h.release()
	if h.nc != nil {
		h.nc.Close()
	}
	if h.server != nil {
		h.server.Shutdown()
		h.server.WaitForShutdown()
	}
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
