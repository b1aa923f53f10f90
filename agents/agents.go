// Package agents is what a hub and its agents share: the names of streams and
// subjects, jobs, outcomes, heartbeats, label expressions, and how an agent
// finds and trusts its hub. Package hub gives jobs out, package agent takes
// them on a device (docs/fleet.md).
package agents

import (
	"regexp"
	"strings"
	"time"

	"assay/bench/host"
)

// Streams, buckets and the store of model files. Plans, outcomes and all else
// that cannot be had again is on the disk before it is confirmed.
const (
	Jobs       = "JOBS"       // queue, emptied by the hub: jobs.LANE.device.ID.JOB and jobs.LANE.class.CLASS.JOB
	Results    = "RESULTS"    // work queue: results.ID.JOB, taken by the hub alone
	Enrolled   = "enrolled"   // bucket: Enrolment by agent
	States     = "states"     // bucket: Beat by agent
	Tokens     = "tokens"     // bucket: when a join token ends, by its sha256
	Dispatches = "dispatches" // bucket: Plan by dispatch
	Outcomes   = "outcomes"   // bucket: Outcome by job; what is there stays
	Schedules  = "schedules"  // bucket: Schedule by id
	People     = "people"     // bucket: who may use the hub from elsewhere, by name
	Owner      = "owner"      // bucket: the hub that a cluster belongs to
	Models     = "models"     // object store: files by sha256
)

// MaxMessage bounds a message, and with it a packed result: what NATS takes
// without a warning, less a rest for the head of an outcome.
const MaxMessage = 8<<20 - maxHead // B

// ChunkSize is how much of a file an agent asks for at a time.
const ChunkSize = 512 << 10 // B

// word is what ids and classes are made of: one token of a subject.
var word = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// Word reports whether s can be an id or a class.
func Word(s string) bool { return word.MatchString(s) }

// The parts of subjects. ID is the agent's id everywhere: a server that lets
// an agent publish below its own id only knows who speaks.
const (
	AdminPrefix    = "admin."    // admin.REQUEST: people's commands
	EnrolSubject   = "hub.enrol" // for holders of a token
	requestPrefix  = "hub.agent."
	resultPrefix   = "results."
	progressPrefix = "progress."
	wakePrefix     = "wake."
	inboxPrefix    = "_INBOX."
)

// Requests of an agent to the hub.
const (
	Check = "check" // is a job still wanted
	File  = "file"  // a part of a model file
)

// Request is the subject of an agent's request; "*" as id and request is what
// the hub listens to.
func Request(id, request string) string { return requestPrefix + id + "." + request }

// Requested returns the agent and the request that a subject holds.
func Requested(subject string) (id, request string) {
	id, request, _ = strings.Cut(strings.TrimPrefix(subject, requestPrefix), ".")
	return id, request
}

// ErrorHeader is the header of an answer that says why a request was not done.
const ErrorHeader = "Assay-Error"

// Result is the subject of a job's outcome.
func Result(id, job string) string { return resultPrefix + id + "." + job }

// Progress is the subject of a job's events.
func Progress(id, job string) string { return progressPrefix + id + "." + job }

// Wake is the subject by which the hub tells an agent to look for jobs, or, by
// the id of a job, that the outcome of this one is kept.
func Wake(id string) string { return wakePrefix + id }

// Inbox is the prefix of the subjects that answers to an agent come to.
func Inbox(id string) string { return inboxPrefix + id }

// PersonInbox is the prefix of the subjects that answers to a person come to.
// No agent's is like it, whatever the agent calls itself.
func PersonInbox(name string) string { return "_PEOPLE." + name }

// Lanes are the priorities of jobs, the most urgent first. An agent looks at a
// lane when those before it are empty; a job that runs is not interrupted.
var Lanes = []string{"gate", "nightly"}

// A Queue is where jobs of one lane wait for a device, or for any one device of
// a class. Each has a consumer of its own.
type Queue struct {
	Lane, Kind, Name string // Kind is "device" or "class"
}

// Queues returns the queues that a device takes jobs from, in this order.
func Queues(id, class string) []Queue {
	var out []Queue
	for _, lane := range Lanes {
		out = append(out, Queue{lane, "device", id}, Queue{lane, "class", class})
	}
	return out
}

// Consumer is the name of the queue's consumer.
func (q Queue) Consumer() string { return q.Lane + "-" + q.Kind + "-" + q.Name }

// Subject is where a job of the queue is published; job may be "*".
func (q Queue) Subject(job string) string {
	return "jobs." + q.Lane + "." + q.Kind + "." + q.Name + "." + job
}

// An Enrolment is what a device tells of itself when it joins.
type Enrolment struct {
	Token   string            `json:"token,omitempty"` // not kept
	Key     string            `json:"key"`             // public nkey of the device
	Device  host.Device       `json:"device"`
	Labels  map[string]string `json:"labels"` // found and given
	Version string            `json:"version"`
	At      time.Time         `json:"at"`                // hub's clock
	Drained bool              `json:"drained,omitempty"` // it is to take no more jobs; the hub says so
}

// A Beat is what an agent tells now and then: who it is, what it does, and
// how the device is.
type Beat struct {
	Version   string            `json:"version"`
	Labels    map[string]string `json:"labels"`
	Device    host.Device       `json:"device"`
	Engines   []string          `json:"engines"`           // that it has workers for
	Sandbox   string            `json:"sandbox,omitempty"` // what its workers are kept from
	Condition host.Condition    `json:"condition"`
	Job       string            `json:"job,omitempty"`  // in hand
	Step      string            `json:"step,omitempty"` // of it
	Done      float64           `json:"done,omitempty"` // share of it
}

// An Event is a line of a job's progress.
type Event struct {
	Job   string  `json:"job"`
	Agent string  `json:"agent"`
	Name  string  `json:"name,omitempty"` // of the device, for people
	Text  string  `json:"text"`
	Done  float64 `json:"done"` // share of the job
}

// A CheckReply says how the hub sees a job.
type CheckReply struct {
	Open    bool   `json:"open"`    // it is wanted
	Known   bool   `json:"known"`   // there is, or was, such a job for this agent
	Outcome State  `json:"outcome"` // where it is not open
	Drained bool   `json:"drained"` // the agent is to begin nothing
	Reason  string `json:"reason,omitempty"`
}

// A JobQuery asks about a job.
type JobQuery struct {
	Job string `json:"job"`
}

// A FileQuery asks for a part of a file of a job.
type FileQuery struct {
	SHA256 string `json:"sha256"`
	Offset int64  `json:"offset"`
}
