package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"assay/agents"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"
)

// A Client is a connection of the hub's administrator, or of a person.
type Client struct {
	nc *nats.Conn

	mu      sync.Mutex
	waiting map[string]context.CancelCauseFunc // by subject: ends a request that the server does not let through
}

// ErrRole is wrapped by errors that say that a person's role does not allow
// what was asked for.
var ErrRole = errors.New("your role does not allow it")

// refused hears that the server has not let a request through.
func (c *Client) refused(_ *nats.Conn, _ *nats.Subscription, err error) {
	if !errors.Is(err, nats.ErrPermissionViolation) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for subject, end := range c.waiting {
		if strings.Contains(err.Error(), strconv.Quote(subject)) {
			end(ErrRole)
		}
	}
}

// once sends a request and waits for the answer.
func (c *Client) once(ctx context.Context, subject string, b []byte) (*nats.Msg, error) {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	c.mu.Lock()
	c.waiting[subject] = end
	c.mu.Unlock()
	try, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	m, err := c.nc.RequestWithContext(try, subject, b)
	if errors.Is(context.Cause(ctx), ErrRole) {
		return nil, ErrRole
	}
	return m, err
}

// loginFile holds how a person reaches a hub elsewhere.
const loginFile = "login.json"

// Login keeps in dir how a person reaches a hub; Dial uses it from then on.
func Login(dir string, p agents.Pass) error {
	if _, err := os.Stat(filepath.Join(dir, adminFile)); err == nil {
		return fmt.Errorf("%s is the folder of a hub: its administrator needs no login (--data names another folder)", dir)
	}
	b, err := json.Marshal(adminEntry{Hub: p.Hub, Seed: p.Seed, Name: p.Name})
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return err
	}
	return agents.WriteFile(filepath.Join(dir, loginFile), b)
}

// Dial connects to the hub whose folder is dir, or for which a login is kept
// there.
func Dial(dir string) (*Client, error) {
	e, err := readEntry(filepath.Join(dir, adminFile))
	if errors.Is(err, os.ErrNotExist) {
		e, err = readEntry(filepath.Join(dir, loginFile))
	}
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("no hub has its folder at %s: assay hub --data %s starts one, --data names another, assay fleet login uses one elsewhere", dir, dir)
	}
	if err != nil {
		return nil, err
	}
	pair, err := nkeys.FromSeed([]byte(e.Seed))
	if err != nil {
		return nil, fmt.Errorf("key of the hub in %s: %w", dir, err)
	}
	pub, err := pair.PublicKey()
	if err != nil {
		return nil, fmt.Errorf("key of the hub in %s: %w", dir, err)
	}
	host, port, err := net.SplitHostPort(e.Hub.Host)
	if err != nil {
		return nil, fmt.Errorf("address of the hub in %s: %w", dir, err)
	}
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	secure := e.Hub.TLS()
	if err := agents.Identify(secure, e.Seed); err != nil {
		return nil, fmt.Errorf("key of the hub in %s: %w", dir, err)
	}
	c := &Client{waiting: map[string]context.CancelCauseFunc{}}
	opts := []nats.Option{
		nats.Nkey(pub, pair.Sign), nats.Secure(secure), nats.MaxReconnects(-1), nats.ReconnectWait(500 * time.Millisecond), nats.IgnoreAuthErrorAbort(), nats.ErrorHandler(c.refused),
	}
	if e.Name == "" {
		opts = append(opts, nats.Name(adminUser))
	} else {
		opts = append(opts, nats.Name(e.Name), nats.CustomInboxPrefix(agents.PersonInbox(e.Name)))
	}
	c.nc, err = nats.Connect("tls://"+net.JoinHostPort(host, port), opts...)
	if errors.Is(err, nats.ErrAuthorization) {
		return nil, fmt.Errorf("the hub at %s does not know you any more: assay fleet user add, there, prints another login", net.JoinHostPort(host, port))
	}
	if err != nil {
		return nil, fmt.Errorf("no hub answers at %s: %w (assay hub --data %s starts it)", net.JoinHostPort(host, port), err, dir)
	}
	return c, nil
}

// A Refusal is the hub's own no, which asking again would not change.
type Refusal string

func (r Refusal) Error() string { return string(r) }

// Close ends the connection.
func (c *Client) Close() { c.nc.Close() }

// patience is how long one attempt of a request waits.
const patience = 5 * time.Second

// ask sends a request until it is answered or ctx is done: a hub may be
// starting again. Every request may be sent twice.
func (c *Client) ask(ctx context.Context, what string, in any) ([]byte, error) {
	b, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	for {
		m, err := c.once(ctx, agents.AdminPrefix+what, b)
		switch {
		case errors.Is(err, ErrRole):
			return nil, fmt.Errorf("%s: %w (assay fleet user, on the hub, shows roles)", what, err)
		case err == nil && m.Header.Get(agents.ErrorHeader) != "":
			return nil, Refusal(m.Header.Get(agents.ErrorHeader))
		case err == nil:
			return m.Data, nil
		case ctx.Err() != nil:
			return nil, fmt.Errorf("the hub does not answer: %w", ctx.Err())
		case errors.Is(err, nats.ErrMaxPayload):
			return nil, fmt.Errorf("%s: %d bytes are more than a message may hold (%d)", what, len(b), agents.MaxMessage)
		}
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// request is ask for an answer in JSON.
func request[T any](ctx context.Context, c *Client, what string, in any) (T, error) {
	var out T
	b, err := c.ask(ctx, what, in)
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	return out, err
}

// Dispatch orders a dispatch.
func (c *Client) Dispatch(ctx context.Context, o agents.Order) (agents.Plan, error) {
	return request[agents.Plan](ctx, c, reqDispatch, o)
}

// Status tells how the jobs of a dispatch stand.
func (c *Client) Status(ctx context.Context, dispatch string) ([]JobStatus, error) {
	return request[[]JobStatus](ctx, c, reqStatus, dispatch)
}

// Dispatches returns the newest dispatches, the newest first.
func (c *Client) Dispatches(ctx context.Context) ([]Dispatched, error) {
	return request[[]Dispatched](ctx, c, reqListed, nil)
}

// Cancel ends the open jobs of a dispatch, or one job, and returns how many.
func (c *Client) Cancel(ctx context.Context, what string) (int, error) {
	return request[int](ctx, c, reqCancel, what)
}

// Fleet returns the devices that are enrolled.
func (c *Client) Fleet(ctx context.Context) ([]Member, error) {
	return request[[]Member](ctx, c, reqFleet, nil)
}

// Invite returns a join string.
func (c *Client) Invite(ctx context.Context) (string, error) {
	return request[string](ctx, c, reqInvite, nil)
}

// Revoke forgets a device and cuts its connections.
func (c *Client) Revoke(ctx context.Context, id string) error {
	_, err := c.ask(ctx, reqRevoke, id)
	return err
}

// Drain lets a device begin no more jobs; with on false it begins them again.
func (c *Client) Drain(ctx context.Context, id string, on bool) error {
	what := reqResume
	if on {
		what = reqDrain
	}
	_, err := c.ask(ctx, what, id)
	return err
}

// People returns who may use the hub from elsewhere, by name.
func (c *Client) People(ctx context.Context) ([]Person, error) {
	return request[[]Person](ctx, c, reqPeople, nil)
}

// AddPerson lets somebody use the hub and returns what the person logs in with,
// which the hub does not keep.
func (c *Client) AddPerson(ctx context.Context, name, role string) (string, error) {
	return request[string](ctx, c, reqAddPerson, Person{Name: name, Role: role})
}

// RemovePerson takes a person's login back and cuts live connections.
func (c *Client) RemovePerson(ctx context.Context, name string) error {
	_, err := c.ask(ctx, reqRemovePerson, name)
	return err
}

// Result returns a stored result, packed.
func (c *Client) Result(ctx context.Context, run string) ([]byte, error) {
	return c.ask(ctx, reqResult, run)
}

// Schedule keeps an order that the hub gives itself again and again.
func (c *Client) Schedule(ctx context.Context, s agents.Schedule) error {
	_, err := c.ask(ctx, reqSchedule, s)
	return err
}

// Schedules returns the schedules, the next one due first.
func (c *Client) Schedules(ctx context.Context) ([]Planned, error) {
	return request[[]Planned](ctx, c, reqSchedules, nil)
}

// Unschedule forgets a schedule.
func (c *Client) Unschedule(ctx context.Context, id string) error {
	_, err := c.ask(ctx, reqUnschedule, id)
	return err
}

// Events calls f for every line of progress, from now on.
func (c *Client) Events(f func(agents.Event)) error {
	_, err := c.nc.Subscribe(agents.Progress("*", "*"), func(m *nats.Msg) {
		var e agents.Event
		if json.Unmarshal(m.Data, &e) == nil { // what cannot be read is no progress
			f(e)
		}
	})
	if err != nil {
		return err
	}
	return c.nc.Flush()
}

// Send puts a model's file into the object store, unless it is there.
func (c *Client) Send(ctx context.Context, path string, f agents.ModelFile) error {
	js, err := jetstream.New(c.nc)
	if err != nil {
		return err
	}
	store, err := js.ObjectStore(ctx, agents.Models)
	if err != nil {
		return fmt.Errorf("send %s: %w", path, err)
	}
	if info, err := store.GetInfo(ctx, f.SHA256); err == nil && int64(info.Size) == f.Size {
		return nil
	}
	r, err := os.Open(path)
	if err != nil {
		return err
	}
	defer r.Close()
	if _, err := store.Put(ctx, jetstream.ObjectMeta{Name: f.SHA256}, r); err != nil {
		return fmt.Errorf("send %s: %w", path, err)
	}
	return nil
}
