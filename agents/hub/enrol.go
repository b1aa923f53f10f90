package hub

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"assay/agents"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"
)

// tokenLife is how long a join string can be used.
const tokenLife = time.Hour

// Invite returns a join string that lets one device in, within an hour. Only
// the token's sum is kept.
func (h *Hub) Invite(ctx context.Context) (agents.Join, error) {
	raw := make([]byte, 24)
	rand.Read(raw) // never fails since Go 1.24
	token := hex.EncodeToString(raw)
	until := time.Now().Add(tokenLife)
	if err := h.put(ctx, h.tokens, tokenKey(token), until); err != nil {
		return agents.Join{}, fmt.Errorf("invite a device: %w", err)
	}
	h.mu.Lock()
	h.invited[tokenKey(token)] = until
	h.mu.Unlock()
	return agents.Join{Hub: h.address, Token: token}, nil
}

func tokenKey(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

func (h *Hub) tokenHolds(token string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Now().Before(h.invited[tokenKey(token)])
}

// holder returns whose key this is.
func (h *Hub) holder(key string) (id, class string, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	id, ok = h.keys[key]
	return id, h.enrolled[id].Device.Class, ok
}

// enrol answers a device that wants to join.
func (h *Hub) enrol(m *nats.Msg) {
	var e agents.Enrolment
	err := json.Unmarshal(m.Data, &e)
	if err == nil && len(m.Data) > maxBeat {
		err = fmt.Errorf("%d bytes are more than a device has to say (%d)", len(m.Data), maxBeat)
	}
	if err == nil {
		err = h.admit(context.Background(), e)
	}
	if err != nil {
		h.log.Warn("refused to enrol a device", "id", e.Device.ID, "name", e.Device.Name, "why", err)
	} else {
		h.log.Info("enrolled a device", "id", e.Device.ID, "name", e.Device.Name, "class", e.Device.Class)
	}
	h.reply(m, nil, err)
}

// admit enrols a device and uses its token up. Asked again with the same key
// it does the same again, since the first answer may have been lost.
func (h *Hub) admit(ctx context.Context, e agents.Enrolment) error {
	id, class := e.Device.ID, e.Device.Class
	if !agents.Word(id) || !agents.Word(class) {
		return fmt.Errorf("device %.80q of class %.80q: both must be words of letters, digits and dashes", id, class)
	}
	if !nkeys.IsValidPublicUserKey(e.Key) {
		return fmt.Errorf("device %s: %.80q is no public key", id, e.Key)
	}
	h.enrolling.Lock() // one at a time: a token lets one device in
	defer h.enrolling.Unlock()
	if !h.tokenHolds(e.Token) {
		return fmt.Errorf("the token was used already, or is older than %v: assay fleet invite prints another join string", tokenLife)
	}
	h.mu.Lock()
	old, known := h.enrolled[id]
	h.mu.Unlock()
	if known && old.Key != e.Key {
		return fmt.Errorf("device %s (%s) is enrolled already: if it was installed anew, assay fleet revoke %s first", id, old.Device.Name, id)
	}
	if err := h.consumers(ctx, id, class); err != nil {
		return err
	}
	token := tokenKey(e.Token)
	e.Token, e.At, e.Drained = "", time.Now(), false
	if err := h.put(ctx, h.members, id, e); err != nil {
		return fmt.Errorf("enrol device %s: %w", id, err)
	}
	if err := h.tokens.Delete(ctx, token); err != nil {
		return fmt.Errorf("enrol device %s: use the token up: %w", id, err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.enrolled[id], h.keys[e.Key] = e, id
	delete(h.invited, token)
	return nil
}

// consumers makes sure that a device and its class have consumers of jobs.
func (h *Hub) consumers(ctx context.Context, id, class string) error {
	for _, q := range agents.Queues(id, class) {
		err := steady(ctx, h.log, "make a queue", func() error {
			_, err := h.js.CreateOrUpdateConsumer(ctx, agents.Jobs, jetstream.ConsumerConfig{
				Durable: q.Consumer(), FilterSubject: q.Subject("*"), AckPolicy: jetstream.AckExplicitPolicy, AckWait: h.cfg.AckWait,
				MemoryStorage: h.forgets(q),
			})
			return err
		})
		if err != nil {
			return fmt.Errorf("queue %s: %w", q.Consumer(), err)
		}
	}
	return nil
}

// forgets reports whether who has which job of a queue is kept in memory alone:
// a file for each device, written with each job, is most of what a job costs
// the server. A hub that starts gives the open jobs of a device out again, to
// the same device, which runs one at a time and finds the other one ended. One
// of a class might go to another device, and a server of a cluster ends without
// the hub: theirs is on the disk.
func (h *Hub) forgets(q agents.Queue) bool { return q.Kind == "device" && !h.cfg.Cluster.used() }

// reconsume makes the consumers that are not there: those in memory, and all of
// a queue that was made anew.
func (h *Hub) reconsume(ctx context.Context) error {
	have := map[string]bool{}
	names := h.jobs.ConsumerNames(ctx)
	for name := range names.Name() {
		have[name] = true
	}
	if err := names.Err(); err != nil {
		return fmt.Errorf("list the queues: %w", err)
	}
	for id, e := range h.enrolled { // nobody else is there yet
		if !slices.ContainsFunc(agents.Queues(id, e.Device.Class), func(q agents.Queue) bool { return !have[q.Consumer()] }) {
			continue
		}
		if err := h.consumers(ctx, id, e.Device.Class); err != nil {
			return err
		}
	}
	return nil
}

// drain lets a device begin no more jobs, or begin them again. The job in hand
// goes on; what waits for the device keeps waiting.
func (h *Hub) drain(ctx context.Context, id string, on bool) error {
	h.enrolling.Lock()
	defer h.enrolling.Unlock()
	h.mu.Lock()
	e, ok := h.enrolled[id]
	h.mu.Unlock()
	if !ok {
		return unknownDevice(id)
	}
	e.Drained = on
	if err := h.put(ctx, h.members, id, e); err != nil {
		return fmt.Errorf("drain %s: %w", id, err)
	}
	h.mu.Lock()
	h.enrolled[id] = e
	h.mu.Unlock()
	h.log.Info("drain", "id", id, "on", on)
	h.wake(agents.Target{Device: id})
	return nil
}

func unknownDevice(id string) error {
	return fmt.Errorf("no device %q is enrolled (assay fleet lists them)", id)
}

// revoke forgets a device's key, cuts its connections and ends its jobs.
func (h *Hub) revoke(ctx context.Context, id string) error {
	h.enrolling.Lock()
	defer h.enrolling.Unlock()
	h.mu.Lock()
	e, ok := h.enrolled[id]
	h.mu.Unlock()
	if !ok {
		return unknownDevice(id)
	}
	if err := h.members.Delete(ctx, id); err != nil {
		return fmt.Errorf("revoke %s: %w", id, err)
	}
	h.mu.Lock()
	delete(h.enrolled, id)
	delete(h.keys, e.Key)
	h.mu.Unlock()
	if err := h.disconnect(e.Key); err != nil {
		return fmt.Errorf("revoke %s: its key is gone, its connections are not: %w", id, err)
	}
	h.log.Info("revoked a device", "id", id, "name", e.Device.Name)
	var lost []*agents.Outcome
	for _, t := range h.openFor(id) {
		lost = append(lost, &agents.Outcome{Job: t.Job, State: agents.Lost, Reason: "its device was revoked"})
	}
	if err := h.end(ctx, lost); err != nil {
		return err
	}
	if err := h.states.Delete(ctx, id); err != nil {
		return fmt.Errorf("revoke %s: %w", id, err)
	}
	for _, q := range agents.Queues(id, e.Device.Class) {
		if q.Kind == "class" { // others may take from it
			continue
		}
		if err := h.js.DeleteConsumer(ctx, agents.Jobs, q.Consumer()); err != nil {
			return fmt.Errorf("revoke %s: %w", id, err)
		}
	}
	return nil
}
