package hub

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"assay/agents"

	"github.com/nats-io/nats.go"
)

// Requests of administrators.
const (
	reqDispatch = "dispatch"   // Order → Plan
	reqStatus   = "status"     // id of a dispatch → []JobStatus
	reqListed   = "dispatches" // → []Dispatched
	reqCancel   = "cancel"     // id of a dispatch or job → number of jobs
	reqFleet    = "fleet"      // → []Member
	reqInvite   = "invite"     // → join string
	reqRevoke   = "revoke"     // id of an agent
	reqDrain    = "drain"      // id of an agent
	reqResume   = "resume"     // id of an agent
	reqResult   = "result"     // id of a run → packed result

	reqSchedule   = "schedule"   // Schedule
	reqSchedules  = "schedules"  // → []Planned
	reqUnschedule = "unschedule" // id of a schedule
)

// admin answers an administrator.
func (h *Hub) admin(ctx context.Context, m *nats.Msg) {
	what := strings.TrimPrefix(m.Subject, agents.AdminPrefix)
	var v any
	var name string
	var order agents.Order
	var plan agents.Schedule
	var person Person
	var err error
	switch {
	case what == reqDispatch:
		err = json.Unmarshal(m.Data, &order)
	case what == reqSchedule:
		err = json.Unmarshal(m.Data, &plan)
	case what == reqAddPerson:
		err = json.Unmarshal(m.Data, &person)
	case len(m.Data) > 0:
		err = json.Unmarshal(m.Data, &name)
	}
	if err != nil {
		h.reply(m, nil, err)
		return
	}
	switch what {
	case reqDispatch:
		v, err = h.dispatch(ctx, order)
	case reqStatus:
		v, err = h.status(name)
	case reqListed:
		v = h.dispatched()
	case reqCancel:
		v, err = h.cancel(ctx, name)
	case reqFleet:
		v = h.fleet()
	case reqInvite:
		var j agents.Join
		j, err = h.Invite(ctx)
		v = j.String()
	case reqRevoke:
		err = h.revoke(ctx, name)
	case reqDrain, reqResume:
		err = h.drain(ctx, name, what == reqDrain)
	case reqResult:
		v, err = h.cfg.Keeper.Packed(ctx, name)
	case reqSchedule:
		err = h.schedule(ctx, plan)
	case reqSchedules:
		v, err = h.planned(ctx)
	case reqUnschedule:
		err = h.unschedule(ctx, name)
	case reqPeople:
		v = h.listPeople()
	case reqAddPerson:
		v, err = h.addPerson(ctx, person)
	case reqRemovePerson:
		err = h.removePerson(ctx, name)
	default:
		err = fmt.Errorf("unknown request %q", what)
	}
	h.reply(m, v, err)
}

// A Member is one device of the fleet, as the hub knows it.
type Member struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	agents.Beat
	Class  string    `json:"class"`
	Joined time.Time `json:"joined"`
	Seen   time.Time `json:"seen"` // hub's clock; zero if never
	Away   string    `json:"away,omitempty"`
	Drain  bool      `json:"drained,omitempty"`
	Last   *Last     `json:"last,omitempty"`
}

// absent says why a device can be given no job now, "" if it can.
func (m Member) absent() string {
	if m.Away == "" && m.Drain {
		return "it is drained (assay fleet resume gives it jobs again)"
	}
	return m.Away
}

// Last is the last job that a device ended.
type Last struct {
	Suite string `json:"suite"`
	agents.Outcome
}

// fleet returns the devices that are enrolled, by class and name.
func (h *Hub) fleet() []Member {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []Member
	for id, e := range h.enrolled {
		m := Member{ID: id, Name: e.Device.Name, Class: e.Device.Class, Joined: e.At, Seen: h.pulses[id].at, Beat: h.pulses[id].Beat, Drain: e.Drained}
		if m.Labels == nil {
			m.Labels, m.Device, m.Version = e.Labels, e.Device, e.Version
		}
		switch {
		case m.Seen.IsZero():
			m.Away = "never seen"
		case h.silent(m.Seen) > h.cfg.Stale:
			m.Away = fmt.Sprintf("last seen %v ago", time.Since(m.Seen).Round(time.Second))
		}
		if o, ok := h.last[id]; ok {
			m.Last = &Last{h.plans[h.targets[o.Job].dispatch].Job.Suite, o}
		}
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b Member) int {
		return strings.Compare(a.Class+"\x00"+a.Name+"\x00"+a.ID, b.Class+"\x00"+b.Name+"\x00"+b.ID)
	})
	return out
}

// A JobStatus is how one job of a dispatch stands.
type JobStatus struct {
	Target  agents.Target   `json:"target"`
	State   agents.State    `json:"state"`           // or Waiting, Running
	Agent   string          `json:"agent,omitempty"` // that has it, or had it
	Step    string          `json:"step,omitempty"`  // while it runs
	Outcome *agents.Outcome `json:"outcome,omitempty"`
}

// Jobs that have not ended.
const (
	Waiting agents.State = "waiting"
	Running agents.State = "running"
)

// status returns the jobs of a dispatch in the order of its plan.
func (h *Hub) status(id string) ([]JobStatus, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p, ok := h.plans[id]
	if !ok {
		return nil, fmt.Errorf("no dispatch is called %q (have %s)", id, strings.Join(slices.Sorted(maps.Keys(h.plans)), ", "))
	}
	holder := map[string]string{}
	for agent, b := range h.pulses {
		holder[b.Job] = agent
	}
	var out []JobStatus
	for _, t := range p.Targets {
		s := JobStatus{Target: t, State: Waiting}
		if o, over := h.ended[t.Job]; over {
			s.State, s.Agent, s.Outcome = o.State, o.Agent, &o
		} else if agent := holder[t.Job]; agent != "" {
			s.State, s.Step, s.Agent = Running, h.pulses[agent].Step, agent
		}
		out = append(out, s)
	}
	return out, nil
}
