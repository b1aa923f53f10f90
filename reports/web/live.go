package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"assay/reports/render"
)

// liveRefresh is how often a browser without scripts asks for a job that runs.
const liveRefresh = 5 // s

// job finds a job in its dispatch.
func (s *server) job(r *http.Request) (Job, error) {
	id := r.PathValue("id")
	jobs, err := s.Fleet.Jobs(r.Context(), dispatchOf(id))
	if err != nil {
		return Job{}, err
	}
	at := slices.IndexFunc(jobs, func(j Job) bool { return j.ID == id })
	if at < 0 {
		return Job{}, fmt.Errorf("job %q: %w", id, ErrNotFound)
	}
	return jobs[at], nil
}

// jobPage shows one job: how far it is, and what it has said.
func (s *server) jobPage(w http.ResponseWriter, r *http.Request) {
	j, err := s.job(r)
	if err != nil {
		s.lacking(w, r, err)
		return
	}
	lines, next, _ := s.Journal.After(j.ID, 0)
	b := jobBody{Job: j, Dispatch: dispatchOf(j.ID), Next: next}
	for _, l := range lines {
		b.Lines, b.Percent = append(b.Lines, lineOf(l)), percent(l.Done)
	}
	p := page{Title: "Job " + render.Plain(j.ID), Lead: []string{render.Plain(j.Device + " · " + j.Class)}, Body: b}
	if j.Open {
		p.Refresh, p.Script = liveRefresh, true
	}
	s.show(w, r, http.StatusOK, "job", p)
}

type jobBody struct {
	Job
	Dispatch string
	Percent  int
	Next     int // number of the line that comes next
	Lines    []lineText
}

// A lineText is a line as it is shown, and as live.js gets it.
type lineText struct {
	At      string `json:"at"`
	Text    string `json:"text"`
	Percent int    `json:"percent"`
}

func lineOf(l Line) lineText {
	return lineText{l.At.UTC().Format("15:04:05"), render.Plain(l.Text), percent(l.Done)}
}

func percent(share float64) int { return int(100 * min(max(share, 0), 1)) }

// Times of a page that is followed live.
const (
	lookEvery  = 3 * time.Second // whether the job has ended
	writeLimit = 10 * time.Second
)

// events sends the lines of a job as they come (server-sent events), from the
// number after=N on or after the one that the browser had last, and "end" when
// the job has ended.
func (s *server) events(w http.ResponseWriter, r *http.Request) {
	j, err := s.job(r)
	if err != nil {
		http.Error(w, "no such job", http.StatusNotFound)
		return
	}
	select {
	case s.follow <- struct{}{}:
		defer func() { <-s.follow }()
	default:
		http.Error(w, "too many pages are followed live", http.StatusServiceUnavailable)
		return
	}
	next, err := strconv.Atoi(r.Header.Get("Last-Event-ID"))
	if err != nil {
		next, _ = strconv.Atoi(r.URL.Query().Get("after")) // 0, all of them, where it is no number
	}
	w.Header().Set("Content-Type", "text/event-stream")
	s.stream(w, r, j.ID, next)
}

// stream sends what a job says until it has ended, or who follows it has gone
// or may not look any more.
func (s *server) stream(w http.ResponseWriter, r *http.Request, job string, next int) {
	c := http.NewResponseController(w)
	send := func(format string, a ...any) bool {
		_ = c.SetWriteDeadline(time.Now().Add(writeLimit)) // a writer without deadlines waits as long as its connection does
		_, err := fmt.Fprintf(w, format, a...)
		return err == nil && c.Flush() == nil
	}
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		lines, now, more := s.Journal.After(job, next)
		for i, l := range lines {
			b, err := json.Marshal(lineOf(l))
			if err != nil || !send("id: %d\ndata: %s\n\n", now-len(lines)+i+1, b) {
				return
			}
		}
		next = now
		if j, err := s.job(r); err == nil && !j.Open {
			send("event: end\ndata: {}\n\n")
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-more:
		case <-look.C:
			if !s.allowed(r) || !send(": still here\n\n") {
				return
			}
		}
	}
}
