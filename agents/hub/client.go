package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"assay/agents"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"
)

// A Client is an administrator's connection to a hub.
type Client struct{ nc *nats.Conn }

// Dial connects to the hub whose folder is dir.
func Dial(dir string) (*Client, error) {
	e, err := readAdmin(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("no hub has its folder at %s: assay hub --data %s starts one, --data names another", dir, dir)
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
	nc, err := nats.Connect("tls://"+net.JoinHostPort(host, port), nats.Nkey(pub, pair.Sign), nats.Secure(e.Hub.TLS()),
		nats.Name(adminUser), nats.MaxReconnects(-1), nats.ReconnectWait(500*time.Millisecond), nats.IgnoreAuthErrorAbort())
	if err != nil {
		return nil, fmt.Errorf("no hub answers at %s: %w (assay hub --data %s starts it)", net.JoinHostPort(host, port), err, dir)
	}
	return &Client{nc}, nil
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
		try, cancel := context.WithTimeout(ctx, patience)
		m, err := c.nc.RequestWithContext(try, agents.AdminPrefix+what, b)
		cancel()
		switch {
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
