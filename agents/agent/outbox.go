package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"assay/agents"
)

// An outbox keeps what the agent must not forget when it is killed: the job in
// hand, and outcomes that the hub has not confirmed. Each is a file.
type outbox struct{ dir string }

// inHand is a job that was taken and has not ended.
type inHand struct {
	Job   string `json:"job"`
	Reply string `json:"reply"` // subject by which the job is acknowledged or given back
	Tries int    `json:"tries"` // how often it was begun, this time included
}

const (
	outcomeSuffix = ".outcome"
	handFile      = "in-hand.json"
)

func newOutbox(dir string) (*outbox, error) {
	return &outbox{dir}, os.MkdirAll(dir, 0o700)
}

func (o *outbox) path(job string) string { return filepath.Join(o.dir, job+outcomeSuffix) }

// put keeps an outcome; it is on the disk when put returns.
func (o *outbox) put(out *agents.Outcome) error {
	b, err := out.Encode()
	if err != nil {
		return err
	}
	return agents.WriteFile(o.path(out.Job), b)
}

// get returns the outcome of a job, nil where there is none.
func (o *outbox) get(job string) (*agents.Outcome, error) {
	b, err := os.ReadFile(o.path(job))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	out, err := agents.DecodeOutcome(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.path(job), err)
	}
	return out, nil
}

// jobs lists the jobs that have an outcome here.
func (o *outbox) jobs() ([]string, error) {
	all, err := os.ReadDir(o.dir)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range all {
		if job, ok := strings.CutSuffix(e.Name(), outcomeSuffix); ok && agents.Word(job) {
			out = append(out, job)
		}
	}
	slices.Sort(out)
	return out, nil
}

// hold keeps which job is in hand, and returns how often it was begun: more than
// once only if the agent was killed each time.
func (o *outbox) hold(job, reply string) (tries int, err error) {
	h := inHand{job, reply, 1}
	if last := o.held(); last.Job == job {
		h.Tries = last.Tries + 1
	}
	b, err := json.Marshal(h)
	if err != nil {
		return h.Tries, err
	}
	return h.Tries, agents.WriteFile(filepath.Join(o.dir, handFile), b)
}

// release forgets the job in hand: it was given back.
func (o *outbox) release() error {
	err := os.Remove(filepath.Join(o.dir, handFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// held returns the job in hand; its Job is empty where there is none, or none
// that can be read.
func (o *outbox) held() inHand {
	var h inHand
	b, err := os.ReadFile(filepath.Join(o.dir, handFile))
	if err != nil || json.Unmarshal(b, &h) != nil {
		return inHand{}
	}
	return h
}

// done forgets a job that the hub has confirmed.
func (o *outbox) done(job string) error {
	err := os.Remove(o.path(job))
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	if o.held().Job == job {
		err = errors.Join(err, o.release())
	}
	return err
}
