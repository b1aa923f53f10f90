package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"assay/bench/stat/watch"
	"assay/reports"
	"assay/reports/regress"
	"assay/reports/render"
	"assay/reports/store"
)

// Bounds of what pages show.
const (
	mostRuns = 200                 // of the list of results
	since    = 90 * 24 * time.Hour // of the history, as assay report --history
	lately   = 7 * 24 * time.Hour  // of the changes, as assay regressions
)

// runRow is a run in the list.
type runRow struct {
	ID, Short, At, Suite, Device, Class string
	Words                               []word
}

func (s *server) resultsPage(w http.ResponseWriter, r *http.Request) {
	f := reports.Filter{Suite: r.URL.Query().Get("suite"), Device: r.URL.Query().Get("device"), Limit: mostRuns}
	runs, err := s.Store.List(r.Context(), f)
	if err != nil {
		s.failed(w, r, err)
		return
	}
	b := struct {
		Suite, Device string
		Runs          []runRow
	}{Suite: f.Suite, Device: f.Device}
	for i := range runs {
		b.Runs = append(b.Runs, rowOf(&runs[i]))
	}
	lead := count(len(runs), "run")
	if len(runs) == mostRuns {
		lead = "the newest " + lead
	}
	s.show(w, r, http.StatusOK, "results", page{Title: "Results", Here: "/results", Lead: []string{lead}, Body: b})
}

func rowOf(x *reports.Run) runRow {
	return runRow{ID: x.ID, Short: x.ID[:min(len(x.ID), 12)], At: render.When(reports.PointTime(x.Started, x.Received)), Suite: x.Suite, Device: nameOr(x.Name, x.Device), Class: x.Class, Words: wordsOf(render.RunWords(x))}
}

func nameOr(name, id string) string {
	if name != "" {
		return name
	}
	return id
}

// whole sends a report as it is.
func whole(w http.ResponseWriter, body []byte) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", render.Policy()+"; base-uri 'none'; frame-ancestors 'none'")
	_, _ = w.Write(body) // who has gone needs no page
}

func (s *server) runPage(w http.ResponseWriter, r *http.Request) {
	x, err := s.Store.Get(r.Context(), r.PathValue("id"))
	if errors.Is(err, store.ErrNotFound) {
		s.refuse(w, r, http.StatusNotFound, fmt.Sprintf("no run is called %q: the results list those that are stored", r.PathValue("id")))
		return
	}
	var buf bytes.Buffer
	if err == nil {
		err = render.Render(&buf, "html", x, render.Options{Home: "/results"})
	}
	if err != nil {
		s.failed(w, r, err)
		return
	}
	whole(w, buf.Bytes())
}

// historyPage is the report on all series.
func (s *server) historyPage(w http.ResponseWriter, r *http.Request) {
	f := reports.Filter{Suite: r.URL.Query().Get("suite"), Device: r.URL.Query().Get("device"), Since: time.Now().Add(-since)}
	course, err := reports.ReadCourse(r.Context(), s.Store, f)
	if err != nil {
		s.failed(w, r, err)
		return
	}
	log, err := s.Store.Log(r.Context(), reports.Filter{Suite: f.Suite, Device: f.Device})
	if err != nil {
		s.failed(w, r, err)
		return
	}
	course.Mark(regress.Find(log, regress.Options{Plan: watch.Standard, Since: f.Since}), reports.Failing{Course: course})
	var buf bytes.Buffer
	o := render.CourseOptions{Suite: f.Suite, Home: "/regressions", Page: func(run string) string { return "/run/" + url.PathEscape(run) }}
	if course, o, err = historyOf(course, o, r.URL.Query()); err != nil {
		s.refuse(w, r, http.StatusNotFound, err.Error())
		return
	}
	if err := render.Course(&buf, course, o); err != nil {
		s.failed(w, r, err)
		return
	}
	whole(w, buf.Bytes())
}

// historyOf chooses what a page on the history shows: the class that its address
// asks for, or, of several, what changed in any of them and where each is.
func historyOf(c *reports.Course, o render.CourseOptions, query url.Values) (*reports.Course, render.CourseOptions, error) {
	classes := c.Classes()
	if !query.Has("class") {
		if len(classes) > 1 {
			o.Class = func(class string) string {
				q := url.Values{"suite": {o.Suite}, "device": {query.Get("device")}, "class": {class}}
				return "/history?" + q.Encode()
			}
		}
		return c, o, nil
	}
	for _, x := range classes {
		if x.Devices[0].Class == query.Get("class") {
			return x, o, nil
		}
	}
	return nil, o, fmt.Errorf("no device of class %q has a run of the last 90 days: the history lists the classes that have", query.Get("class"))
}

// A watcher keeps what was found in the store until there is another run: it
// takes seconds to look for in a large one.
type watcher struct {
	mu     sync.Mutex
	newest string // run
	report *regress.Report
}

func (s *server) regressions(ctx context.Context) (*regress.Report, error) {
	s.watch.mu.Lock()
	defer s.watch.mu.Unlock()
	runs, err := s.Store.List(ctx, reports.Filter{Limit: 1})
	if err != nil {
		return nil, err
	}
	if s.watch.report != nil && len(runs) > 0 && runs[0].ID == s.watch.newest {
		return s.watch.report, nil
	}
	log, err := s.Store.Log(ctx, reports.Filter{})
	if err != nil {
		return nil, err
	}
	o := regress.Options{Plan: watch.Standard, Now: time.Now()}
	if len(runs) > 0 {
		o.Since = runs[0].Received.Add(-lately)
		s.watch.newest = runs[0].ID
	}
	s.watch.report = regress.Find(log, o)
	return s.watch.report, nil
}

func (s *server) regressionsPage(w http.ResponseWriter, r *http.Request) {
	found, err := s.regressions(r.Context())
	if err != nil {
		s.failed(w, r, err)
		return
	}
	head, tables, remarks := render.RegressionTables(found)
	b := struct {
		Tables  []tableHTML
		Remarks []string
	}{Remarks: remarks}
	for _, t := range tables {
		b.Tables = append(b.Tables, tableOf(t, nil))
	}
	s.show(w, r, http.StatusOK, "regressions", page{Title: "Regressions", Here: "/regressions", Lead: []string{head}, Body: b})
}

// A tableHTML is a table in words.
type tableHTML struct {
	Title   string
	Head    []string
	Rows    []rowHTML
	Longest int // first cell, in characters
}

type rowHTML struct {
	Link  string // of the first cell, "" for none
	Cells []cellHTML
}

type cellHTML struct{ Name, Text, Class string }

// tableOf makes a table of words; link gives where a row leads, nil nowhere.
func tableOf(t render.Table, link func(row int) string) tableHTML {
	out := tableHTML{Title: t.Title, Head: slices.Clone(t.Rows[0])}
	for i, cells := range t.Rows[1:] {
		var row rowHTML
		if link != nil {
			row.Link = link(i)
		}
		for j, text := range cells {
			c := cellHTML{Name: out.Head[j], Text: text}
			if c.Name == "verdict" {
				c.Class = classOf(text)
			}
			row.Cells = append(row.Cells, c)
		}
		out.Rows, out.Longest = append(out.Rows, row), max(out.Longest, len([]rune(cells[0])))
	}
	return out
}
