package web_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"assay/bench"
	"assay/reports/internal/example"
	"assay/reports/store"
	"assay/reports/web"
)

// board is a fleet as a hub would tell of it; text is put wherever a device or
// a person may write.
type board struct {
	mu   sync.Mutex
	text string
	over bool // the job that runs has ended
	run  string
}

func (b *board) Members(context.Context) ([]web.Member, error) {
	return []web.Member{
		{ID: "a1", Name: "orin" + b.text, Class: "jetson-orin-nx", State: "job d-1, 40 %: timing: resnet8 on onnxruntime", Condition: "load 1.2, 61 °C, schedutil", Version: "v1.4.0", Engines: []string{"native", "onnxruntime"}, Job: "d-1", Done: 0.4, Seen: time.Now(), Last: "nightly done 20 h ago", Run: b.run},
		{ID: "b2", Name: "pi" + b.text, Class: "rpi5" + b.text, State: "last seen 2h10m0s ago" + b.text, Away: true, Condition: b.text, Version: "v1.3.0", Seen: time.Now().Add(-130 * time.Minute), Last: "none"},
	}, nil
}

func (b *board) Dispatches(context.Context) ([]web.Dispatch, error) {
	return []web.Dispatch{{ID: "d", Suite: "nightly" + b.text, At: time.Now().Add(-time.Hour), Jobs: 2, Open: 1, Said: "1 done"}}, nil
}

func (b *board) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = true
}

func (b *board) Jobs(_ context.Context, id string) ([]web.Job, error) {
	if id != "d" {
		return nil, fmt.Errorf("dispatch %q: %w", id, web.ErrNotFound)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	j := web.Job{ID: "d-1", Device: "orin" + b.text, Class: "jetson-orin-nx", State: "running", Step: "timing: resnet8" + b.text, Open: true}
	if b.over {
		j = web.Job{ID: "d-1", Device: "orin", Class: "jetson-orin-nx", State: "done", Run: b.run}
	}
	return []web.Job{j, {ID: "d-2", Device: "pi", Class: "rpi5", State: "done", Run: b.run, Reason: b.text}}, nil
}

// a guest list of one, by secret.
type guests struct {
	sync.Mutex
	names map[string]string
}

func (g *guests) Login(secret string) (string, bool) {
	g.Lock()
	defer g.Unlock()
	name, ok := g.names[secret]
	return name, ok
}

func (g *guests) Knows(name string) bool {
	g.Lock()
	defer g.Unlock()
	for _, n := range g.names {
		if n == name {
			return true
		}
	}
	return false
}

// A site serves pages of a store with the nights of two devices.
type site struct {
	*httptest.Server
	board   *board
	journal *web.Journal
	guests  *guests
}

// nights of each device are enough for the pages to have something to say.
const nights = 3

func newSite(t *testing.T, open bool, text string) *site {
	t.Helper()
	db, err := store.Open(filepath.Join(t.TempDir(), "assay.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	s := &site{board: &board{text: text}, journal: &web.Journal{}, guests: &guests{names: map[string]string{"sesame": "ann"}}}
	var runs []*bench.Result
	for seed := range uint64(2) {
		for _, r := range example.Nights(nights, seed+1) {
			r.Device.Name += text
			answers := []int{1, 2, 3, int(seed)} // the devices differ in one
			r.Groups[0].Cases[0].Answers = &bench.Answers{Set: "s", Classes: answers, Outputs: [][]float32{{float32(seed) / 4}}}
			runs, s.board.run = append(runs, r), r.Run
		}
	}
	if err := db.PutAll(t.Context(), runs); err != nil {
		t.Fatal(err)
	}
	s.Server = httptest.NewServer(web.New(web.Config{
		Fleet: s.board, Store: db, Journal: s.journal, People: s.guests, Open: open, Version: "v1.4.0", Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}))
	t.Cleanup(s.Server.Close)
	return s
}

// client follows redirects and keeps cookies.
func client(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar, Timeout: time.Minute}
}

// get returns the status, the body, and where the request ended.
func get(t *testing.T, c *http.Client, url string) (int, string, *http.Response) {
	t.Helper()
	r, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b), r
}

func TestPages(t *testing.T) {
	s := newSite(t, true, "")
	s.journal.Add("d-1", web.Line{At: time.Now(), Text: "timing: resnet8", Done: 0.4})
	for path, want := range map[string][]string{
		"/":                           {"2 devices, 1 runs a job, 1 is away", "61 °C", `href="/job/d-1"`, `href="/dispatch/d"`, "1 done"},
		"/dispatch/d":                 {"2 jobs, 1 has not ended", "side by side", "speed-up"},
		"/job/d-1":                    {"timing: resnet8", `<noscript><meta http-equiv="refresh" content="5">`, `data-events="/job/d-1/events?after=1"`},
		"/results":                    {"6 runs", "board-2", `<span class="fail">`},
		"/results?device=board-2":     {"3 runs"},
		"/results?suite=none":         {"No stored run fits"},
		"/run/" + s.board.run:         {"← back", "Every case"},
		"/run/latest":                 {"Every case"},
		"/regressions":                {"nights until", "budget"},
		"/history":                    {"What has changed, and what fails", "/run/"},
		"/devices":                    {"side by side", "int8-qdq", "board-2", "reference", "1 in 4", "0.25"},
		"/devices?suite=x":            {"No stored run fits"},
		"/devices?model=resnet8":      {`<option selected>resnet8</option>`},
		"/assets/style.css":           {"--paper", ".hub"},
		"/login":                      {"assay fleet user add"},
		"/login?to=https%3A%2F%2Fx.y": {`name="to" value="/"`},
		"/login?to=%2F%2Fx.y":         {`name="to" value="/"`},
	} {
		code, body, r := get(t, client(t), s.URL+path)
		if code != http.StatusOK {
			t.Errorf("%s: status %d", path, code)
		}
		for _, w := range want {
			if !strings.Contains(body, w) {
				t.Errorf("%s lacks %q", path, w)
			}
		}
		if strings.HasPrefix(r.Header.Get("Content-Type"), "text/html") && !strings.Contains(r.Header.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s has the policy %q", path, r.Header.Get("Content-Security-Policy"))
		}
	}
	for path, want := range map[string]int{"/nothing": 404, "/run/zz": 404, "/dispatch/x": 404, "/job/x-1": 404, "/job/d-9": 404, "/job/d": 404, "/job/x-1/events": 404} {
		if code, _, _ := get(t, client(t), s.URL+path); code != want {
			t.Errorf("%s: status %d, want %d", path, code, want)
		}
	}
}

// TestHostile: whatever devices and people call things, it stays text.
func TestHostile(t *testing.T) {
	const text = `"><script>alert(1)</script><img src=x onerror=alert(1)>`
	s := newSite(t, true, text)
	s.journal.Add("d-1", web.Line{At: time.Now(), Text: text})
	for _, path := range []string{"/", "/dispatch/d", "/job/d-1", "/results", "/devices", "/regressions", "/results?suite=" + url.QueryEscape(text), "/login?to=" + url.QueryEscape("/"+text), "/run/" + url.PathEscape(text)} {
		_, body, _ := get(t, client(t), s.URL+path)
		if strings.Contains(body, "<script>") || strings.Contains(body, "<img") {
			t.Errorf("%s holds the text as markup", path)
		}
	}
}

// TestLive: a line is sent as it comes, and the end; who reconnects gets what
// was missed, and nothing twice.
func TestLive(t *testing.T) {
	s := newSite(t, true, "")
	s.journal.Add("d-1", web.Line{At: time.Now(), Text: "first", Done: 0.1})
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	open := func(last string) (*http.Response, func() string) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/job/d-1/events", nil)
		if err != nil {
			t.Fatal(err)
		}
		if last != "" {
			req.Header.Set("Last-Event-ID", last)
		}
		r, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.Body.Close() })
		return r, func() string {
			var got []byte
			for b := make([]byte, 1); !strings.HasSuffix(string(got), "\n\n"); {
				if _, err := r.Body.Read(b); err != nil {
					return string(got)
				}
				got = append(got, b[0])
			}
			return string(got)
		}
	}
	_, next := open("")
	if got := next(); !strings.Contains(got, `"text":"first"`) || !strings.HasPrefix(got, "id: 1\n") {
		t.Errorf("the first event is %q", got)
	}
	s.journal.Add("d-1", web.Line{At: time.Now(), Text: "second", Done: 0.2})
	if got := next(); !strings.Contains(got, `"text":"second","percent":20`) {
		t.Errorf("the second event is %q", got)
	}
	_, again := open("1")
	if got := again(); !strings.Contains(got, `"text":"second"`) {
		t.Errorf("after the first, the next event is %q", got)
	}
	s.journal.Add("d-1", web.Line{At: time.Now(), Text: "third", Done: 1})
	if got := next(); !strings.Contains(got, `"text":"third"`) {
		t.Errorf("the third event is %q", got)
	}
	s.board.end()
	got := next()
	for strings.HasPrefix(got, ":") { // that it is still there
		got = next()
	}
	if !strings.Contains(got, "event: end") {
		t.Errorf("the last event is %q", got)
	}
	if got := next(); got != "" {
		t.Errorf("after the end comes %q", got)
	}
}

// TestJournal: it forgets the oldest lines and the job that was silent for
// longest, and numbers go on.
func TestJournal(t *testing.T) {
	var j web.Journal
	at := time.Now()
	for i := range 600 {
		j.Add("long", web.Line{At: at.Add(time.Duration(i)), Text: fmt.Sprint(i)})
	}
	lines, next, _ := j.After("long", 0)
	if len(lines) != 500 || next != 600 || lines[0].Text != "100" {
		t.Errorf("%d lines, next %d, the first %q", len(lines), next, lines[0].Text)
	}
	if lines, _, _ := j.After("long", 599); len(lines) != 1 || lines[0].Text != "599" {
		t.Errorf("the last line is %v", lines)
	}
	if lines, _, _ := j.After("long", 1<<40); len(lines) != 0 {
		t.Errorf("after more than there were: %v", lines)
	}
	for i := range 600 {
		j.Add(fmt.Sprint("job", i), web.Line{At: at.Add(time.Second + time.Duration(i)), Text: "x"})
	}
	if lines, _, _ := j.After("long", 0); len(lines) != 0 {
		t.Errorf("the oldest of 601 jobs is remembered: %d lines", len(lines))
	}
	if lines, _, _ := j.After("job599", 0); len(lines) != 1 {
		t.Error("the newest job is forgotten")
	}
}
