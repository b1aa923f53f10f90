package web

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"assay/reports/render"
)

// ErrNotFound is wrapped by errors that say that what was asked for is not there.
var ErrNotFound = errors.New("not found")

// A Member is a device of the fleet, in words.
type Member struct {
	ID, Name, Class string
	State           string // "idle", "drained", "job …", or why it is away
	Away            bool
	Condition       string
	Version         string
	Engines         []string
	Job             string    // in hand, "" for none
	Done            float64   // share of it
	Seen            time.Time // zero if never
	Last            string    // the last job that it ended, in words
	Run             string    // of that job, "" for none
}

// A Dispatch is a suite that was given to devices.
type Dispatch struct {
	ID, Suite string
	At        time.Time
	Jobs      int
	Open      int    // not ended
	Said      string // "2 done, 1 failed"
}

// A Job is one job of a dispatch.
type Job struct {
	ID, Device, Class string
	State             string // waiting, running, done, failed, …
	Step              string // while it runs
	Reason            string // why it ended so
	Run               string // id of the stored run, "" for none
	Open              bool
}

// A fleetBody is the content of the first page.
type fleetBody struct {
	Members    []memberRow
	Dispatches []dispatchRow
}

type memberRow struct {
	Member
	Seen    string
	Engines string
	Percent int
}

type dispatchRow struct {
	Dispatch
	At string
}

// refresh is how often pages of what runs are asked for again, in seconds.
const refresh = 15

func (s *server) fleetPage(w http.ResponseWriter, r *http.Request) {
	members, err := s.Fleet.Members(r.Context())
	if err != nil {
		s.failed(w, r, err)
		return
	}
	dispatches, err := s.Fleet.Dispatches(r.Context())
	if err != nil {
		s.failed(w, r, err)
		return
	}
	var b fleetBody
	away, busy := 0, 0
	for _, m := range members {
		if m.Away {
			away++
		} else if m.Job != "" {
			busy++
		}
		b.Members = append(b.Members, memberRow{m, ago(m.Seen), strings.Join(m.Engines, " "), int(100 * m.Done)})
	}
	for _, d := range dispatches {
		b.Dispatches = append(b.Dispatches, dispatchRow{d, ago(d.At)})
	}
	lead := count(len(members), "device") + ", " + count(busy, "runs a job", "run a job") + ", " + count(away, "is away", "are away")
	s.show(w, r, http.StatusOK, "fleet", page{Title: "Fleet", Here: "/", Lead: []string{lead}, Refresh: refresh, Body: b})
}

// dispatchOf is the dispatch that a job belongs to: its id, less the number.
func dispatchOf(job string) string {
	if at := strings.LastIndexByte(job, '-'); at > 0 {
		return job[:at]
	}
	return ""
}

func (s *server) dispatchPage(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	jobs, err := s.Fleet.Jobs(r.Context(), id)
	if err != nil {
		s.lacking(w, r, err)
		return
	}
	open := 0
	var runs []string
	for _, j := range jobs {
		if j.Open {
			open++
		}
		if j.Run != "" {
			runs = append(runs, j.Run)
		}
	}
	p := page{Title: "Dispatch " + render.Plain(id), Lead: []string{count(len(jobs), "job") + ", " + count(open, "has not ended", "have not ended")}}
	if open > 0 {
		p.Refresh = refresh
	}
	all, err := s.sideBySide(r.Context(), runs, r.URL.Query().Get("base"))
	if err != nil {
		s.failed(w, r, err)
		return
	}
	p.Body = struct {
		Jobs   []Job
		Across []acrossHTML
	}{jobs, all}
	s.show(w, r, http.StatusOK, "dispatch", p)
}

// lacking answers what an id names: not there, or not to be asked.
func (s *server) lacking(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, ErrNotFound) {
		s.refuse(w, r, http.StatusNotFound, err.Error())
		return
	}
	s.failed(w, r, err)
}
