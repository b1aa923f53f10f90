// Package web serves the pages of the hub: the fleet, a run as it progresses,
// results, regressions, and models side by side across devices. Pages are made
// on the server and need no script; where a browser runs one, a run is shown
// as it goes. They read and change nothing.
package web

import (
	"bytes"
	"context"
	"embed"
	"html/template"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"assay/bench"
	"assay/reports"
	"assay/reports/render"
)

// A Fleet is what the pages ask the hub; cmd/assay makes one of agents/hub.
type Fleet interface {
	// Members returns the devices, in the order they are shown in.
	Members(ctx context.Context) ([]Member, error)
	// Dispatches returns the newest dispatches, the newest first.
	Dispatches(ctx context.Context) ([]Dispatch, error)
	// Jobs returns the jobs of a dispatch. The error wraps ErrNotFound if
	// there is no such dispatch.
	Jobs(ctx context.Context, dispatch string) ([]Job, error)
}

// A Store is where results are; reports/store.SQLite is one.
type Store interface {
	List(ctx context.Context, f reports.Filter) ([]reports.Run, error)
	Get(ctx context.Context, prefix string) (*bench.Result, error)
	Log(ctx context.Context, f reports.Filter) (*reports.Log, error)
}

// People are those who may look.
type People interface {
	// Login returns who holds a secret, false if nobody does.
	Login(secret string) (name string, ok bool)
	// Knows reports whether somebody of this name still may look.
	Knows(name string) bool
}

// Config says what the pages are made of.
type Config struct {
	Fleet   Fleet
	Store   Store
	Journal *Journal // lines of the jobs that run
	People  People
	Open    bool   // on loopback no login is needed
	Version string // of assay
	Log     *slog.Logger
}

// A server serves the pages.
type server struct {
	Config
	sessions sessions
	follow   chan struct{} // one slot for each page that is followed live
	watch    watcher
}

// mostFollowers bounds the pages that are followed live at a time.
const mostFollowers = 100

// New returns the pages. Requests end with their context: whoever serves them
// ends those that are followed live by http.Server.BaseContext.
func New(c Config) http.Handler {
	s := &server{Config: c, follow: make(chan struct{}, mostFollowers)}
	mux := http.NewServeMux()
	for pattern, f := range map[string]http.HandlerFunc{
		"GET /{$}":              s.fleetPage,
		"GET /dispatch/{id}":    s.dispatchPage,
		"GET /job/{id}":         s.jobPage,
		"GET /job/{id}/events":  s.events,
		"GET /results":          s.resultsPage,
		"GET /run/{id}":         s.runPage,
		"GET /regressions":      s.regressionsPage,
		"GET /history":          s.historyPage,
		"GET /devices":          s.devicesPage,
		"GET /login":            s.loginPage,
		"POST /login":           s.login,
		"POST /logout":          s.logout,
		"GET /assets/style.css": asset("text/css; charset=utf-8", style),
		"GET /assets/live.js":   asset("text/javascript; charset=utf-8", func() []byte { return liveScript }),
		"/":                     s.missing,
	} {
		mux.HandleFunc(pattern, f)
	}
	return s.guard(mux)
}

//go:embed page/*.tmpl
var pageFiles embed.FS

//go:embed page/hub.css
var hubStyle string

//go:embed page/live.js
var liveScript []byte

// style is the reports' own style sheet and what the hub adds to it.
func style() []byte { return []byte(string(render.Style()) + hubStyle) }

// pages escapes by context whatever is put into it. It is made when it is
// first used: workers are this program too.
var pages = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{"plain": render.Plain, "stateClass": classOf}).ParseFS(pageFiles, "page/*.tmpl"))
})

func asset(kind string, body func() []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		_, _ = w.Write(body()) // who has gone needs no asset
	}
}

// A page is what every page begins and ends with.
type page struct {
	Title   string
	Here    string // path of the link in the navigation that is this page's
	Lead    []string
	Refresh int    // seconds after which the page is asked for again, 0 never
	Script  bool   // live.js follows a run; Refresh is then for browsers without scripts
	User    string // who has logged in
	Version string
	Body    any
}

// policy allows what the pages use, all of it their own.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// show writes a page whole, or says that it cannot be made.
func (s *server) show(w http.ResponseWriter, r *http.Request, status int, name string, p page) {
	p.User, p.Version = s.user(r), s.Version
	var buf bytes.Buffer
	if err := pages().ExecuteTemplate(&buf, name, p); err != nil {
		s.Log.Error("make a page", "page", name, "why", err)
		http.Error(w, "the page cannot be made: see the hub's log", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", policy)
	w.WriteHeader(status)
	_, _ = w.Write(buf.Bytes()) // who has gone needs no page
}

// refuse says in a page why there is no other.
func (s *server) refuse(w http.ResponseWriter, r *http.Request, status int, why string) {
	s.show(w, r, status, "refused", page{Title: strings.ToLower(http.StatusText(status)), Body: render.Plain(why)})
}

// failed says that the hub or the store could not be asked.
func (s *server) failed(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() == nil {
		s.Log.Error("a page cannot be shown", "path", r.URL.Path, "why", err)
	}
	s.refuse(w, r, http.StatusServiceUnavailable, err.Error())
}

func (s *server) missing(w http.ResponseWriter, r *http.Request) {
	s.refuse(w, r, http.StatusNotFound, "there is no such page")
}

// ago rounds a time as people say it; "never" for none.
func ago(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	switch d := max(time.Since(t), 0); {
	case d < time.Minute:
		return d.Round(time.Second).String() + " ago"
	case d < 2*time.Hour:
		return strings.TrimSuffix(d.Round(time.Minute).String(), "0s") + " ago"
	case d < 48*time.Hour:
		return strings.TrimSuffix(d.Round(time.Hour).String(), "0m0s") + " ago"
	}
	return render.When(t)
}
