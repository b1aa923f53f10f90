package agents

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// A Job is one suite for one device: a document of its own that needs nothing
// but the files it names.
type Job struct {
	ID       string            `json:"id"`
	Dispatch string            `json:"dispatch"`
	Suite    string            `json:"suite"`
	Document string            `json:"document"`         // suite file, everything that it includes and extends written out
	Files    []ModelFile       `json:"files,omitempty"`  // that travel with it
	Sums     map[string]string `json:"sums"`             // sha256 by "model variant": the device must have the same
	Labels   map[string]string `json:"labels,omitempty"` // recorded with the run
}

// A ModelFile is a file that the document calls SHA256.Format.
type ModelFile struct {
	SHA256 string `json:"sha256"`
	Format string `json:"format"`
	Size   int64  `json:"size"` // B
}

// Name is the file's name in a document and in a cache.
func (f ModelFile) Name() string { return f.SHA256 + "." + f.Format }

// Check refuses what would not be safe as a file's name.
func (f ModelFile) Check() error {
	if len(f.SHA256) != 64 || !Word(f.SHA256) || !Word(f.Format) || f.Size < 0 {
		return fmt.Errorf("file %.80q: want a sha256, a format and a size", f.Name())
	}
	return nil
}

// State is what became of a job, or of a device that should have had one.
type State string

// The states in which a job ends.
const (
	Done      State = "done"      // measured, and the result is stored
	Failed    State = "failed"    // the device tried
	Refused   State = "refused"   // the device cannot run it
	Cancelled State = "cancelled" // somebody did not want it any more
	Missing   State = "missing"   // the device was away when the job was due
	Lost      State = "lost"      // not finished in time, or the device was revoked
)

// An Outcome is the end of a job; a job has exactly one.
type Outcome struct {
	Job    string    `json:"job"`
	Agent  string    `json:"agent,omitempty"`
	State  State     `json:"state"`
	Reason string    `json:"reason,omitempty"`
	Run    string    `json:"run,omitempty"` // id of the run that is stored
	At     time.Time `json:"at"`            // hub's clock
	Result []byte    `json:"-"`             // packed, on its way to the hub
}

// Encode writes an outcome as a line of JSON, followed by the packed result.
func (o *Outcome) Encode() ([]byte, error) {
	head, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("encode outcome: %w", err)
	}
	return append(append(head, '\n'), o.Result...), nil
}

// maxHead bounds the JSON line of an outcome.
const maxHead = 64 << 10 // B

// DecodeOutcome reads what Encode writes.
func DecodeOutcome(b []byte) (*Outcome, error) {
	at := bytes.IndexByte(b, '\n')
	if at < 0 || at > maxHead {
		return nil, errors.New("decode outcome: no line of JSON at its beginning")
	}
	var o Outcome
	if err := json.Unmarshal(b[:at], &o); err != nil {
		return nil, fmt.Errorf("decode outcome: %w", err)
	}
	switch o.State {
	case Done, Failed, Refused:
	default:
		return nil, fmt.Errorf("decode outcome: state %.40q is not for an agent to say (have %s, %s, %s)", o.State, Done, Failed, Refused)
	}
	if !Word(o.Job) {
		return nil, fmt.Errorf("decode outcome: job %.80q is no id", o.Job)
	}
	o.Result = b[at+1:]
	return &o, nil
}

// A Target is one job of a plan and whom it is for.
type Target struct {
	Job     string `json:"job"`
	Lane    string `json:"lane"`
	Device  string `json:"device,omitempty"` // agent's id; "" for any one of the class
	Name    string `json:"name,omitempty"`   // of the device, for people
	Class   string `json:"class"`
	Missing string `json:"missing,omitempty"` // why nobody was given the job
}

// Subject is where the target's job is queued.
func (t Target) Subject() string {
	if t.Device != "" {
		return Queue{t.Lane, "device", t.Device}.Subject(t.Job)
	}
	return Queue{t.Lane, "class", t.Class}.Subject(t.Job)
}

// A Plan is a dispatch as the hub resolved it. Its id is the client's, so that
// a request that is sent again changes nothing.
type Plan struct {
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	Expires time.Time `json:"expires"` // when a job that has not ended is lost
	Job     Job       `json:"job"`     // what all targets have in common
	Targets []Target  `json:"targets"`
}

// A Schedule is an order that the hub gives itself again and again.
type Schedule struct {
	ID    string    `json:"id"`
	Cron  string    `json:"cron"` // five fields, in the hub's time zone or after CRON_TZ=…
	Order Order     `json:"order"`
	Last  time.Time `json:"last"` // when it was due last, or made
}

// An Order asks the hub for a dispatch.
type Order struct {
	ID     string        `json:"id"`
	To     string        `json:"to"` // label expression
	Lane   string        `json:"lane"`
	Any    bool          `json:"any"` // one device of each class, not each device
	Expire time.Duration `json:"expire"`
	Job    Job           `json:"job"` // without ids
}
