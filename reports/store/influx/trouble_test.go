package influx_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"assay/reports/store/influx"
	"assay/reports/store/outbox"
)

var quiet = log.New(io.Discard, "", 0)

// A fault is what a proxy does to a request: it answers itself (true), or
// lets the request through.
type fault func(w http.ResponseWriter, body []byte) bool

// refuse answers with a status and does not let the request through.
func refuse(status int, header ...string) fault {
	return func(w http.ResponseWriter, _ []byte) bool {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		io.WriteString(w, `{"code":"x","message":"the proxy says so"}`)
		return true
	}
}

// larger refuses bodies of more than n bytes, as a server's limit does.
func larger(n int) fault {
	return func(w http.ResponseWriter, body []byte) bool {
		return len(body) > n && refuse(http.StatusRequestEntityTooLarge)(w, body)
	}
}

// proxy stands before the server; the i-th write meets faults[i], later ones
// the last.
type proxy struct {
	*httptest.Server
	mu     sync.Mutex
	faults []fault
	writes []time.Time
}

func (r *rig) proxy(faults ...fault) *proxy {
	r.Helper()
	target, err := url.Parse(r.server.URL)
	if err != nil {
		r.Fatal(err)
	}
	p := &proxy{faults: faults}
	back := httputil.NewSingleHostReverseProxy(target)
	back.ErrorLog = quiet // that a client or the server was killed is the test's doing
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		req.Body = io.NopCloser(bytes.NewReader(body))
		if f := p.next(req); f != nil && f(w, body) {
			return
		}
		back.ServeHTTP(w, req)
	}))
	r.Cleanup(p.Close)
	r.set.URL = p.URL
	return p
}

func (p *proxy) next(req *http.Request) fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	if req.URL.Path != "/api/v2/write" {
		return nil
	}
	i := min(len(p.writes), len(p.faults)-1)
	p.writes = append(p.writes, time.Now())
	if i < 0 {
		return nil
	}
	return p.faults[i]
}

// cut lets the server store the request, then drops the connection before the
// answer: the client cannot know.
func (r *rig) cut() fault {
	return func(w http.ResponseWriter, body []byte) bool {
		req, err := http.NewRequest(http.MethodPost, r.server.URL+"/api/v2/write?precision=ns&org="+r.server.Org+"&bucket="+r.server.Bucket, bytes.NewReader(body))
		if err != nil {
			panic(err)
		}
		req.Header.Set("Authorization", "Token "+r.server.Token)
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			resp.Body.Close()
		}
		panic(http.ErrAbortHandler) // net/http: the connection is dropped without an answer
	}
}

// TestFaults fills the answers of a real server with faults and counts.
func TestFaults(t *testing.T) {
	ok := func(http.ResponseWriter, []byte) bool { return false }
	for _, c := range []struct {
		name    string
		faults  func(r *rig) []fault
		paused  bool          // the first pass ends paused
		waited  time.Duration // at least, between the first two writes
		atLeast int           // writes
	}{
		{name: "too many requests", faults: func(*rig) []fault { return []fault{refuse(429, "Retry-After", "1"), ok} }, waited: time.Second, atLeast: 2},
		{name: "unavailable, again and again", faults: func(*rig) []fault { return []fault{refuse(503), refuse(500), refuse(502), ok} }, atLeast: 4},
		{name: "answer lost", faults: func(r *rig) []fault { return []fault{r.cut(), r.cut(), ok} }, atLeast: 3},
		{name: "too large", faults: func(*rig) []fault { return []fault{larger(20_000)} }, atLeast: 3},
		{name: "no rights for a while", faults: func(*rig) []fault { return []fault{refuse(401), ok} }, paused: true, atLeast: 2},
		{name: "forbidden for a while", faults: func(*rig) []fault { return []fault{refuse(403), ok} }, paused: true, atLeast: 2},
		{name: "no bucket for a while", faults: func(*rig) []fault { return []fault{refuse(404), ok} }, paused: true, atLeast: 2},
		{name: "sign-in page", faults: func(*rig) []fault { return []fault{refuse(200), ok} }, paused: true, atLeast: 2},
		{name: "redirect", faults: func(*rig) []fault { return []fault{refuse(302, "Location", "/elsewhere"), ok} }, paused: true, atLeast: 2},
		{name: "all of them", faults: func(r *rig) []fault {
			return []fault{refuse(503), larger(50_000), r.cut(), refuse(429), larger(20_000)}
		}, atLeast: 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			p := r.proxy(c.faults(r)...)
			for i := range 3 {
				r.put(numbered(fmt.Sprintf("run%d", i), 0))
			}
			o := outbox.Options{Hand: true, Patience: time.Minute}
			rep := r.drain(o)
			if rep.Paused != c.paused || c.paused != (rep.Left > 0) {
				t.Errorf("first: %+v", rep)
			}
			if c.paused {
				rep = r.drain(o)
			}
			if rep.Left != 0 || rep.Dead != 0 {
				t.Errorf("then: %+v", rep)
			}
			if len(p.writes) < c.atLeast {
				t.Errorf("%d writes, want at least %d: the faults were not met", len(p.writes), c.atLeast)
			} else if d := p.writes[1].Sub(p.writes[0]); d < c.waited {
				t.Errorf("the second write came after %v, the server asked for %v", d, c.waited)
			}
			r.same()
		})
	}
}

// TestPartialWrite: a real server refuses single points, by their type and by
// their age, and takes the others; so does the outbox.
func TestPartialWrite(t *testing.T) {
	r := newRig(t)
	// Somebody wrote another type into one shard: 1.8 keeps a type per shard.
	bad := numbered("bad", 0)
	c := r.client(r.set)
	if err := c.Write(r.ctx, []string{fmt.Sprintf(`assay_summary,device=x value="text" %d`, bad.Started.UnixNano())}); err != nil {
		t.Fatal(err)
	}
	r.put(bad)
	r.put(numbered("good", 10)) // another shard: a week each
	rep := r.drain(outbox.Options{})
	rows, err := r.db.History(r.ctx, noFilter, 0)
	if err != nil {
		t.Fatal(err)
	}
	half := len(rows) / 2
	if rep.Dead != half || rep.Points != half+2 || rep.Left != 0 {
		t.Errorf("got %+v, want %d dead letters and %d points", rep, half, half+2)
	}
	st, err := r.db.Outbox().Status(r.ctx)
	if err != nil {
		t.Fatal(err)
	}
	status := 400
	if r.server.Second() {
		status = 422
	}
	for _, l := range st.Dead {
		if l.Run != "bad" || l.Status != status || !strings.Contains(l.Why, "field type conflict") || !strings.HasPrefix(l.Line, "assay_summary,") {
			t.Fatalf("letter %+v", l)
		}
	}

	// The other's points are gone; the letters are sent again: all is there.
	r.server.Drop("assay_summary")
	if n, err := r.db.Outbox().Revive(r.ctx); n != half || err != nil {
		t.Fatalf("revived %d, %v", n, err)
	}
	if n, err := r.db.Requeue(r.ctx); n != 1 || err != nil { // "good" was dropped with the rest; "bad" waits
		t.Fatalf("requeued %d, %v", n, err)
	}
	if rep := r.drain(outbox.Options{Hand: true}); rep.Dead != 0 || rep.Left != 0 {
		t.Errorf("got %+v", rep)
	}
	r.same()
}

func TestBeyondRetention(t *testing.T) {
	r := newRig(t)
	if r.server.Second() {
		t.Skip("retention policies are 1.8's; 2.x has none beside the bucket's")
	}
	r.server.Exec("CREATE RETENTION POLICY week ON bench DURATION 7d REPLICATION 1")
	r.set.Bucket = "bench/week"
	r.put(numbered("old", -1000))
	recent := numbered("recent", 0)
	recent.Started = time.Now()
	r.put(recent)
	rep := r.drain(outbox.Options{})
	st, err := r.db.Outbox().Status(r.ctx)
	if err != nil || len(st.Dead) == 0 {
		t.Fatalf("%+v, %v", st, err)
	}
	if rep.Dead != len(st.Dead) || rep.Points != rep.Dead || !strings.Contains(st.Dead[0].Why, "points beyond retention policy") {
		t.Errorf("%+v; %s", rep, st.Dead[0].Why)
	}
}

// TestServerKilled kills the server while runs are pushed, brings it back and
// counts.
func TestServerKilled(t *testing.T) {
	r := newRig(t)
	const n = 40
	for i := range n {
		r.put(numbered(fmt.Sprintf("run%d", i), 0))
	}
	calls := 0
	kill := func(http.ResponseWriter, []byte) bool {
		if calls++; calls%2 == 0 { // while the request is under way, or just after it
			go r.server.Kill()
		}
		return false
	}
	r.proxy(kill)
	for pass := 0; ; pass++ {
		rep := r.drain(outbox.Options{Hand: true})
		if rep.Dead != 0 {
			t.Fatalf("got %+v", rep)
		}
		if rep.Left == 0 {
			break
		}
		if pass > 20 {
			t.Fatalf("no end: %+v", rep)
		}
		r.server.Kill()
		r.server.Up()
	}
	r.server.Kill()
	r.server.Up()
	r.same()
}

// TestRealRefusals are those of the server itself.
func TestRealRefusals(t *testing.T) {
	r := newRig(t)
	r.put(numbered("a", 0))
	good := r.set
	unauthorized, missing := "authorization failed", `database not found: "elsewhere"`
	if r.server.Second() {
		unauthorized, missing = "unauthorized access", `bucket "elsewhere" not found`
	}
	for _, c := range []struct {
		name   string
		change func(*influx.Settings)
		want   string
		paused bool
	}{
		{"wrong token", func(s *influx.Settings) { s.Token = "bench:wrong" }, "answers 401: " + unauthorized, true},
		{"no token", func(s *influx.Settings) { s.Token = "" }, "answers 401", true},
		{"no such bucket", func(s *influx.Settings) { s.Bucket = "elsewhere" }, "answers 404: " + missing, true},
		{"nobody there", func(s *influx.Settings) { s.URL = "http://127.0.0.1:1" }, "http://127.0.0.1:1 cannot be reached: dial tcp 127.0.0.1:1: connect", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.set = good
			c.change(&r.set)
			rep := r.drain(outbox.Options{Hand: true})
			if rep.Points != 0 || rep.Dead != 0 || rep.Paused != c.paused || !strings.Contains(rep.Why, c.want) || strings.Contains(rep.Why, "\n") {
				t.Errorf("got %+v, want one line with %q", rep, c.want)
			}
			if _, err := r.client(r.set).History(r.ctx, noFilter, 0); err == nil || !strings.Contains(err.Error(), strings.SplitN(r.set.URL, "//", 2)[1]) {
				t.Errorf("reading: %v, want an error that names the server", err)
			}
		})
	}
	r.set = good
	if rep := r.drain(outbox.Options{Hand: true}); rep.Left != 0 {
		t.Errorf("got %+v", rep)
	}
	r.same()
}

func TestCancelledPush(t *testing.T) {
	r := newRig(t)
	r.put(numbered("a", 0))
	ctx, cancel := context.WithCancel(r.ctx)
	r.proxy(func(http.ResponseWriter, []byte) bool { cancel(); time.Sleep(100 * time.Millisecond); return false }, nil)
	rep, err := r.db.Outbox().Drain(ctx, r.client(r.set), outbox.Options{Hand: true, Patience: time.Minute})
	if err == nil || rep.Left == 0 {
		t.Errorf("%+v, %v", rep, err)
	}
	r.drain(outbox.Options{})
	r.same()
}
