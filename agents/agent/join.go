package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"assay/agents"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

// selfFile holds who the agent is; the key in it was made here and has never
// left the device.
const selfFile = "agent.json"

// A Self is who an agent is.
type Self struct {
	ID     string            `json:"id"`
	Class  string            `json:"class"`
	Seed   string            `json:"seed"`
	Hub    agents.Address    `json:"hub"`
	Labels map[string]string `json:"labels"` // that a person gave
}

// ReadSelf reads who the agent in dir is.
func ReadSelf(dir string) (Self, error) {
	var s Self
	path := filepath.Join(dir, selfFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return s, fmt.Errorf("this device has joined no hub (no %s): assay fleet invite, on the hub, prints what assay agent join reads", path)
	}
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	if err != nil {
		return s, fmt.Errorf("read %s: %w", path, err)
	}
	return s, nil
}

// Join enrols this device with a hub and keeps in dir who it is from then on.
// given are the labels that a person added. The key is kept before it is
// shown to the hub, so that a join which was interrupted can be repeated.
func Join(ctx context.Context, dir string, j agents.Join, e agents.Enrolment, given map[string]string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if s, err := ReadSelf(dir); err == nil {
		return fmt.Errorf("this device has joined the hub at %s already, as %s: remove %s to join another", s.Hub.Host, s.ID, filepath.Join(dir, selfFile))
	}
	half := filepath.Join(dir, "joining.json")
	var s Self
	b, err := os.ReadFile(half)
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	if err != nil || s.ID != e.Device.ID {
		if s.Seed, err = newSeed(); err != nil {
			return err
		}
	}
	s.ID, s.Class, s.Hub, s.Labels = e.Device.ID, e.Device.Class, j.Hub, given
	if b, err = json.Marshal(s); err != nil {
		return err
	}
	if err := agents.WriteFile(half, b); err != nil {
		return err
	}
	pair, err := nkeys.FromSeed([]byte(s.Seed))
	if err != nil {
		return err
	}
	if e.Key, err = pair.PublicKey(); err != nil {
		return err
	}
	e.Token = j.Token
	if err := enrol(ctx, j, e, s.Seed); err != nil {
		return fmt.Errorf("join the hub at %s: %w", j.Hub.Host, err)
	}
	return os.Rename(half, filepath.Join(dir, selfFile))
}

func newSeed() (string, error) {
	pair, err := nkeys.CreateUser()
	if err != nil {
		return "", err
	}
	seed, err := pair.Seed()
	return string(seed), err
}

// joinTime bounds the one question that a device asks when it joins.
const joinTime = 15 * time.Second

func enrol(ctx context.Context, j agents.Join, e agents.Enrolment, seed string) error {
	secure := j.Hub.TLS()
	if err := agents.Identify(secure, seed); err != nil {
		return err
	}
	nc, err := nats.Connect("tls://"+j.Hub.Host, nats.Token(j.Token), nats.Secure(secure),
		nats.CustomInboxPrefix(agents.Inbox("joining")), nats.Timeout(joinTime), nats.Name(e.Device.ID))
	if errors.Is(err, nats.ErrAuthorization) {
		return errors.New("it refuses the token: it was used already, or is older than an hour (assay fleet invite prints another)")
	}
	if err != nil {
		return err
	}
	defer nc.Close()
	b, err := json.Marshal(e)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, joinTime)
	defer cancel()
	m, err := nc.RequestWithContext(ctx, agents.EnrolSubject, b)
	if err != nil {
		return err
	}
	if why := m.Header.Get(agents.ErrorHeader); why != "" {
		return errors.New(why)
	}
	return nil
}
