package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"assay/agents"

	"github.com/nats-io/nats.go/jetstream"
)

// A lease says which hub a cluster belongs to. The hub writes it again and
// again; whether it still does is told by the number of its writing, so that no
// two clocks need to agree.
type lease struct {
	Hub   string    `json:"hub"` // the administrator's key, which is the folder's own
	Host  string    `json:"host"`
	Since time.Time `json:"since"`
}

const (
	leaseKey   = "hub"
	leaseEvery = 3 * time.Second
	leaseQuiet = 15 * time.Second // a hub that has written nothing for so long has died
)

// wrongSequence is JetStream's code for a value that somebody else has written.
const wrongSequence = 10071

func overtaken(err error) bool {
	var api *jetstream.APIError
	return errors.Is(err, jetstream.ErrKeyExists) || errors.As(err, &api) && api.ErrorCode == wrongSequence
}

// own makes the cluster this hub's, where none has it, or the one that had it
// has died, or was this one.
func (h *Hub) own(ctx context.Context) error {
	if !h.cfg.Cluster.used() {
		return nil
	}
	var err error
	if h.owner, err = h.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: agents.Owner, Replicas: h.cfg.Cluster.Replicas}); err != nil {
		return fmt.Errorf("bucket %s: %w", agents.Owner, err)
	}
	host, _ := os.Hostname() // "" where it has none
	mine, err := json.Marshal(lease{h.adminKey, host, time.Now().UTC()})
	if err != nil {
		return err
	}
	h.lease = mine
	e, err := h.owner.Get(ctx, leaseKey)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		h.leased, err = h.owner.Create(ctx, leaseKey, mine)
		return begun(err)
	}
	if err != nil {
		return err
	}
	var l lease
	if err := json.Unmarshal(e.Value(), &l); err != nil {
		return fmt.Errorf("bucket %s: %w", agents.Owner, err)
	}
	if l.Hub != h.adminKey {
		h.log.Info("the cluster is another hub's: waits whether that is still there", "host", l.Host, "since", l.Since)
		if err := h.wait(ctx, e.Revision(), l); err != nil {
			return err
		}
	}
	h.leased, err = h.owner.Update(ctx, leaseKey, mine, e.Revision())
	return begun(err)
}

// begun tells of a lease that another hub took first.
func begun(err error) error {
	if overtaken(err) {
		return errors.New("another hub begins beside this cluster right now: one hub at a time")
	}
	return err
}

func (l lease) taken() error {
	return fmt.Errorf("the cluster belongs to the hub on %q since %s: one hub at a time; end that one first (one that has died gives way after %v)", l.Host, l.Since.Format(time.RFC3339), leaseQuiet)
}

// wait waits until a hub has written nothing for leaseQuiet.
func (h *Hub) wait(ctx context.Context, revision uint64, l lease) error {
	for end := time.Now().Add(leaseQuiet); time.Now().Before(end); {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(leaseEvery / 3):
		}
		e, err := h.owner.Get(ctx, leaseKey)
		switch {
		case errors.Is(err, jetstream.ErrKeyNotFound):
			return nil // it ended just now; Update finds out
		case err != nil:
			return err
		case e.Revision() != revision:
			return l.taken()
		}
	}
	return nil
}

// hold writes the lease until the hub ends; a hub whose lease another one has
// taken ends.
func (h *Hub) hold(ctx context.Context) {
	for range ticks(ctx, leaseEvery) {
		revision, err := h.owner.Update(ctx, leaseKey, h.lease, h.leased)
		switch {
		case err == nil:
			h.leased = revision
		case overtaken(err):
			if e, err := h.owner.Get(ctx, leaseKey); err == nil && string(e.Value()) == string(h.lease) {
				h.leased = e.Revision() // an answer of the cluster was lost, the writing was not
				continue
			}
			h.log.Error("another hub has taken the cluster, while this one did not reach it: this one ends")
			close(h.gone)
			return
		case ctx.Err() == nil:
			h.log.Warn("the cluster does not take the hub's lease: tries again", "why", err)
		}
	}
}

// Gone is closed when another hub has taken the cluster: this one must end.
func (h *Hub) Gone() <-chan struct{} { return h.gone }

// release gives the cluster back at once.
func (h *Hub) release() {
	if h.leased == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), leaseEvery)
	defer cancel()
	if err := h.owner.Delete(ctx, leaseKey, jetstream.LastRevision(h.leased)); err != nil && !overtaken(err) {
		h.log.Debug("the cluster is not given back: it is free when the lease has run out", "why", err)
	}
}
