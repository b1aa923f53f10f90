// Package agent takes jobs from a hub and runs them on this device, one at a
// time. It may be killed at any moment: the job in hand comes again, and a
// result that was measured is delivered when it runs again. While a timed
// region is open it sends nothing and reads no sensor.
package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	"assay/agents"
	"assay/bench"
	"assay/bench/host"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A Bench measures; cmd/assay makes one of suites and bench.
type Bench interface {
	// Run measures a task and returns the run's id and its packed result,
	// which is in the device's own store by then. An error that wraps
	// errors.ErrUnsupported means that this device cannot run it.
	Run(ctx context.Context, t Task) (run string, packed []byte, err error)
}

// A Task is a job with its files at hand.
type Task struct {
	agents.Job
	Path     string            // of the suite file; the files it names are beside it
	Quiet    sync.Locker       // to be held while a timed region is open
	Progress func(bench.Step)  // may be called at any time outside of them
	Say      func(line string) // a line for the log, here and at the hub
}

// Config says what an agent is made of.
type Config struct {
	Dir     string // of its key, outbox and cache
	Bench   Bench
	Device  host.Device
	Labels  map[string]string // found by itself; a person's own are added
	Engines []string          // that there are workers for
	Sandbox string            // what they are kept from
	Observe func() host.Condition
	Version string
	Cache   int64 // B that files of jobs may take
	Log     *slog.Logger
	Every   time.Duration // between two looks for jobs, and two heartbeats
	Settle  time.Duration // that a job waits at most for a device at rest; 0 does not wait
}

// DefaultEvery is how often an idle agent shows itself. A job that is
// dispatched meanwhile wakes it.
const DefaultEvery = 20 * time.Second

// DefaultCache holds some hundred models of the usual size.
const DefaultCache = 4 << 30 // B

// An Agent is one running agent.
type Agent struct {
	cfg    Config
	log    *slog.Logger
	self   Self
	labels map[string]string
	nc     *nats.Conn
	js     jetstream.JetStream
	out    *outbox
	cache  *cache
	idle   bool       // drained: begin no job
	gate   sync.Mutex // held while a timed region is open
	woken  chan struct{}
	kept   chan string                   // jobs whose outcome the hub says is kept
	from   map[string]jetstream.Consumer // queues that were found, by name

	mu   sync.Mutex
	job  string // in hand
	step bench.Step
	said []agents.Event // that the hub has not heard yet
	wait time.Duration  // of its queue
}

// Run takes jobs until ctx is done.
func Run(ctx context.Context, cfg Config) error {
	a := &Agent{cfg: cfg, log: cfg.Log, woken: make(chan struct{}, 1), kept: make(chan string, 1), from: map[string]jetstream.Consumer{}, labels: map[string]string{}}
	if a.cfg.Every == 0 {
		a.cfg.Every = DefaultEvery
	}
	if a.cfg.Cache == 0 {
		a.cfg.Cache = DefaultCache
	}
	if err := a.prepare(); err != nil {
		return fmt.Errorf("agent in %s: %w", cfg.Dir, err)
	}
	defer a.nc.Close()
	a.log.Info("agent", "id", a.self.ID, "class", a.self.Class, "hub", a.self.Hub.Host, "version", cfg.Version)
	a.resume(ctx)
	for ctx.Err() == nil {
		if m := a.next(ctx); m != nil {
			a.handle(ctx, m)
			debug.FreeOSMemory() // what a job took is the device's again, until the next
			continue
		}
		a.beat()
		select {
		case <-ctx.Done():
		case <-a.woken:
		case <-time.After(a.cfg.Every - time.Duration(rand.Int64N(int64(a.cfg.Every)/4+1))):
		}
	}
	return nil
}

func (a *Agent) prepare() error {
	var err error
	if a.self, err = ReadSelf(a.cfg.Dir); err != nil {
		return err
	}
	if a.self.ID != a.cfg.Device.ID {
		return fmt.Errorf("it joined as device %s, this is device %s: a card that was moved or a copy must join anew (remove %s)",
			a.self.ID, a.cfg.Device.ID, filepath.Join(a.cfg.Dir, selfFile))
	}
	for _, from := range []map[string]string{a.self.Labels, a.cfg.Labels} { // what was found wins
		for k, v := range from {
			a.labels[k] = v
		}
	}
	if a.out, err = newOutbox(filepath.Join(a.cfg.Dir, "outbox")); err != nil {
		return err
	}
	if a.cache, err = newCache(filepath.Join(a.cfg.Dir, "cache"), a.cfg.Cache); err != nil {
		return err
	}
	a.cache.part = a.part
	if err := a.connect(); err != nil {
		return err
	}
	if a.js, err = jetstream.New(a.nc); err != nil {
		return err
	}
	_, err = a.nc.Subscribe(agents.Wake(a.self.ID), func(m *nats.Msg) {
		if len(m.Data) == 0 {
			a.poke()
			return
		}
		select {
		case a.kept <- string(m.Data):
		default: // who waits for it asks, after a while
		}
	})
	return err
}

// poke makes the agent look for jobs, or at the job in hand, now.
func (a *Agent) poke() {
	select {
	case a.woken <- struct{}{}:
	default:
	}
}

// next returns the most urgent job of this device or of its class; nil if there
// is none, or no hub.
func (a *Agent) next(ctx context.Context) jetstream.Msg {
	if a.idle {
		if r, err := a.check(ctx, ""); err != nil || r.Drained {
			return nil
		}
		a.idle = false
		a.log.Info("takes jobs again")
	}
	for _, q := range agents.Queues(a.self.ID, a.self.Class) {
		if !a.nc.IsConnected() {
			return nil
		}
		c, err := a.queue(ctx, q)
		if err != nil {
			a.log.Debug("look for jobs", "queue", q.Consumer(), "why", err)
			continue
		}
		b, err := c.FetchNoWait(1)
		if err != nil {
			a.log.Debug("look for jobs", "queue", q.Consumer(), "why", err)
			delete(a.from, q.Consumer())
			continue
		}
		for m := range b.Messages() {
			a.ackWait(c)
			return m
		}
		if b.Error() != nil { // the queue may have been made anew
			a.log.Debug("look for jobs", "queue", q.Consumer(), "why", b.Error())
			delete(a.from, q.Consumer())
		}
	}
	return nil
}

// queue returns the consumer of a queue; the hub is asked for it once.
func (a *Agent) queue(ctx context.Context, q agents.Queue) (jetstream.Consumer, error) {
	if c := a.from[q.Consumer()]; c != nil {
		return c, nil
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	c, err := a.js.Consumer(ctx, agents.Jobs, q.Consumer())
	if err == nil {
		a.from[q.Consumer()] = c
	}
	return c, err
}

// beat sends a heartbeat. Sensors are read while no timed region is open.
func (a *Agent) beat() {
	a.gate.Lock()
	condition := a.cfg.Observe()
	a.gate.Unlock()
	a.mu.Lock()
	b := agents.Beat{
		Version: a.cfg.Version, Labels: a.labels, Device: a.cfg.Device, Engines: a.cfg.Engines, Sandbox: a.cfg.Sandbox, Condition: condition,
		Job: a.job, Step: stepText(a.step), Done: a.step.Done,
	}
	a.mu.Unlock()
	raw, err := json.Marshal(b)
	if err == nil {
		err = a.nc.Publish("$KV."+agents.States+"."+a.self.ID, raw)
	}
	if err != nil && a.nc.IsConnected() {
		a.log.Debug("heartbeat", "why", err)
	}
}

func stepText(s bench.Step) string {
	if s.Phase == "" || s.Group == "" {
		return s.Phase
	}
	return s.Phase + ": " + s.Group
}

// askTime bounds one question to the hub.
const askTime = 10 * time.Second

// ask sends a request once.
func (a *Agent) ask(ctx context.Context, what string, in any) ([]byte, error) {
	b, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	m, err := a.nc.RequestWithContext(ctx, agents.Request(a.self.ID, what), b)
	if err != nil {
		return nil, err
	}
	if why := m.Header.Get(agents.ErrorHeader); why != "" {
		return nil, refusal(why)
	}
	return m.Data, nil
}

// A refusal is the hub's own no, which asking again would not change.
type refusal string

func (r refusal) Error() string { return string(r) }

// part asks for a part of a file until the hub answers.
func (a *Agent) part(ctx context.Context, q agents.FileQuery) ([]byte, error) {
	for {
		b, err := a.ask(ctx, agents.File, q)
		var no refusal
		if err == nil || errors.As(err, &no) || ctx.Err() != nil {
			return b, err
		}
		pause(ctx, time.Second)
	}
}

// pause waits, or until ctx is done.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
