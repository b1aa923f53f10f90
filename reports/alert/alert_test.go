package alert

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

var message = Message{
	ID: "gate 6f1c", Event: "gate", Word: "fail", Exit: 1, Title: "assay gate: 1 fail, 0 undecided", Run: "6f1c", Suite: "nightly", Device: "bench-1",
	Items: []Item{{"fail", "resnet8 int8-qdq on native", "latency.p50", "latency.p50 <= 0.8x: 1.01x, wanted <= 0.8x"}},
}

const secret = "T000/B000/sEcReT"

// A server answers with what it is told to, in turn, and keeps what it got.
type server struct {
	*httptest.Server
	sync.Mutex
	answers []func(http.ResponseWriter)
	got     [][]byte
	header  []http.Header
}

func answer(code int, body string, header ...string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

func serve(t *testing.T, answers ...func(http.ResponseWriter)) *server {
	t.Helper()
	s := &server{answers: answers}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.Lock()
		defer s.Unlock()
		b, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPost || r.URL.Path != "/"+secret {
			t.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
		}
		s.got, s.header = append(s.got, b), append(s.header, r.Header.Clone())
		s.answers[min(len(s.got), len(s.answers))-1](w)
	}))
	t.Cleanup(s.Close)
	return s
}

// hookAt is a hook that does not sleep and says for how long it would have.
func hookAt(t *testing.T, address, form string) (*Hook, *[]time.Duration) {
	t.Helper()
	h, err := New(address, form)
	if err != nil {
		t.Fatal(err)
	}
	var slept []time.Duration
	h.sleep = func(ctx context.Context, d time.Duration) error { slept = append(slept, d); return ctx.Err() }
	return h, &slept
}

func TestSend(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		name    string
		answers []func(http.ResponseWriter)
		tries   int
		slept   []time.Duration
		want    string // of the error; "" where it is told
	}{
		{"at once", []func(http.ResponseWriter){answer(200, "ok")}, 1, nil, ""},
		{"no content", []func(http.ResponseWriter){answer(204, "")}, 1, nil, ""},
		{"broken, then well", []func(http.ResponseWriter){answer(500, "oops"), answer(502, ""), answer(200, "ok")}, 3, []time.Duration{s, 2 * s}, ""},
		{"busy says how long", []func(http.ResponseWriter){answer(429, "", "Retry-After", "7"), answer(200, "")}, 2, []time.Duration{7 * s}, ""},
		{"asks for too long", []func(http.ResponseWriter){answer(503, "", "Retry-After", "86400"), answer(200, "")}, 2, []time.Duration{30 * s}, ""},
		{"asks for nonsense", []func(http.ResponseWriter){answer(503, "", "Retry-After", "-4"), answer(200, "")}, 2, []time.Duration{s}, ""},
		{"broken for good", []func(http.ResponseWriter){answer(503, "down")}, 4, []time.Duration{s, 2 * s, 4 * s}, "it answered 503: down (attempt 4 of 4)"},
		{"refused", []func(http.ResponseWriter){answer(404, "no_team\n")}, 1, nil, "it answered 404: no_team (attempt 1 of 4)"},
		{"echoes the secret", []func(http.ResponseWriter){answer(400, "no hook /"+secret+" here")}, 1, nil, "it answered 400: no hook … here"},
		{"sends elsewhere", []func(http.ResponseWriter){answer(307, "", "Location", "http://127.0.0.1:1/")}, 1, nil, "it answered 307"},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := serve(t, c.answers...)
			h, slept := hookAt(t, srv.URL+"/"+secret, "")
			err := h.Send(context.Background(), message)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "sEcReT") {
				t.Errorf("the secret is in %q", err)
			}
			if len(srv.got) != c.tries || len(*slept) != len(c.slept) {
				t.Fatalf("%d attempts, slept %v; want %d and %v", len(srv.got), *slept, c.tries, c.slept)
			}
			for i := range c.slept {
				if (*slept)[i] != c.slept[i] {
					t.Errorf("slept %v, want %v", *slept, c.slept)
				}
			}
			var m Message
			if err := json.Unmarshal(srv.got[0], &m); err != nil || m.Items[0] != message.Items[0] || m.ID != message.ID || srv.header[0].Get("Content-Type") != "application/json" {
				t.Errorf("sent %s: %v", srv.got[0], err)
			}
		})
	}
}

func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := "http://" + l.Addr().String() + "/" + secret
	l.Close()
	h, slept := hookAt(t, address, "")
	err = h.Send(context.Background(), message)
	if err == nil || strings.Contains(err.Error(), "sEcReT") || len(*slept) != attempts-1 {
		t.Errorf("got %v after %d waits, want an error without the secret after %d", err, len(*slept), attempts-1)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := h.Send(ctx, message); !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "sEcReT") {
		t.Errorf("got %v, want that it was cancelled", err)
	}
}

func TestNew(t *testing.T) {
	for _, c := range []struct{ address, form, want string }{
		{"https://hooks.slack.com/services/x", "", "slack"},
		{"https://ci.example/hook?key=1", "", "json"},
		{"https://chat.example/hook", "slack", "slack"},
		{"http://localhost:9/x", "", "json"},
		{"http://[::1]:9/x", "", "json"},
		{"http://ci.example/sEcReT", "", "plain HTTP and not on this machine"},
		{"ftp://ci.example/sEcReT", "", "neither https nor http"},
		{"sEcReT", "", "no URL"},
		{"https://%zz/sEcReT", "", "no URL"},
		{"https://ci.example/sEcReT", "xml", `unknown form of a webhook "xml" (have json, slack)`},
	} {
		h, err := New(c.address, c.form)
		switch {
		case err == nil && h.form != c.want:
			t.Errorf("%s: form %s, want %s", c.address, h.form, c.want)
		case err != nil && (!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "sEcReT")):
			t.Errorf("%s: %v, want %q without the address", c.address, err, c.want)
		}
	}
}

func TestSlack(t *testing.T) {
	m := message
	m.Labels = map[string]string{"commit": "1a2b3c", "branch": "<!channel>"}
	for range 40 {
		m.Items = append(m.Items, Item{"fail", "a & b", "latency.p50", strings.Repeat("x ", 100)})
	}
	srv := serve(t, answer(200, "ok"))
	h, _ := hookAt(t, srv.URL+"/"+secret, "slack")
	if err := h.Send(context.Background(), m); err != nil {
		t.Fatal(err)
	}
	var got slackMessage
	if err := json.Unmarshal(srv.got[0], &got); err != nil {
		t.Fatal(err)
	}
	text := got.Blocks[0].Text.Text
	if got.Text != "assay gate: 1 fail, 0 undecided" || !strings.Contains(text, "• *fail* resnet8 int8-qdq on native latency.p50") || strings.Contains(text, "a & b") || len([]rune(text)) > slackText {
		t.Errorf("%d characters: %.300q", len(text), text)
	}
	m.Items = m.Items[:1]
	if text := slack(m).Blocks[0].Text.Text; !strings.Contains(text, "branch=&lt;!channel&gt;") {
		t.Errorf("a label can call everybody: %q", text)
	}
}
