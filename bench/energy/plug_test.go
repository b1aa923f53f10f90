package energy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
)

// answer returns a recorded answer of a plug.
func answer(t testing.TB, name string) string {
	t.Helper()
	a, err := txtar.ParseFile("testdata/external/answers.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range a.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	t.Fatalf("no answer %s", name)
	return ""
}

// atPlug is an environment with a plug that a server on loopback plays.
func atPlug(t testing.TB, kind, userinfo, query string, h http.HandlerFunc) Env {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	env := inTree(nil)
	env.HTTP = s.Client()
	env.External = []External{{kind, strings.Replace(s.URL, "http://", "http://"+userinfo, 1) + query}}
	return env
}

func TestShelly(t *testing.T) {
	body, asked := answer(t, "shelly_gen2.json"), ""
	for _, c := range []struct {
		query, asked string
		kind         Kind
		want         float64
	}{
		{"", "GET /rpc/Switch.GetStatus?id=0", Power, 4.3},
		{"?id=2", "GET /rpc/Switch.GetStatus?id=2", Power, 4.3},
		{"/?read=power", "GET /rpc/Switch.GetStatus?id=0", Power, 4.3},
		{"?id=1&read=counter", "GET /rpc/Switch.GetStatus?id=1", Counter, 951.311 * 3600},
	} {
		env := atPlug(t, "shelly", "", c.query, func(w http.ResponseWriter, r *http.Request) {
			asked = r.Method + " " + r.URL.String()
			fmt.Fprint(w, body)
		})
		m, err := Open(t.Context(), env, "")
		if err != nil {
			t.Fatal(err)
		}
		r, err := m.Total[0].Read(t.Context())
		if err != nil || math.Abs(r.Value-c.want) > 1e-6 || m.Kind() != c.kind || m.Scope != Wall || len(m.Parts) != 1 {
			t.Errorf("%q: %v, %v of %+v; want %v", c.query, r, err, m, c.want)
		}
		if asked != c.asked {
			t.Errorf("%q: asked %s, want %s", c.query, asked, c.asked)
		}
		m.Close()
	}
	env := atPlug(t, "shelly", "", "?read=counter", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"apower":4.3}`) })
	if m, err := Open(t.Context(), env, ""); err == nil || !strings.Contains(err.Error(), "no energy counter (aenergy.total is missing)") {
		t.Errorf("%v, %v", m, err)
	}
}

func TestTasmota(t *testing.T) {
	body, asked := answer(t, "tasmota_status10.json"), url.Values{}
	env := atPlug(t, "tasmota", "admin:s3cr%26t@", "", func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.Query()
		if strings.Contains(r.URL.RawQuery, "+") {
			t.Errorf("%s: the firmware takes %%20 for a space, not +", r.URL)
		}
		fmt.Fprint(w, body)
	})
	m, err := Open(t.Context(), env, "tasmota")
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if r, err := m.Total[0].Read(t.Context()); err != nil || r.Value != 5 || m.Scope != Wall {
		t.Errorf("%v, %v, %s", r, err, m.Scope)
	}
	if len(m.Notes) != 1 || !strings.Contains(m.Notes[0], "WattRes 3") {
		t.Errorf("whole watts, but no advice: %q", m.Notes)
	}
	if asked.Get("cmnd") != "Status 10" || asked.Get("user") != "admin" || asked.Get("password") != "s3cr&t" {
		t.Errorf("asked %v", asked)
	}
	body = strings.Replace(body, `"Power":5`, `"Power":4.872`, 1)
	fine, err := Open(t.Context(), env, "tasmota")
	if err != nil || len(fine.Notes) != 0 {
		t.Errorf("milliwatts: %q, %v", fine.Notes, err)
	}
}

// TestPlugErrors gives every answer that must become an error of the probe.
func TestPlugErrors(t *testing.T) {
	say := func(s string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, s) }
	}
	for _, c := range []struct {
		name, kind string
		h          http.HandlerFunc
		want       string
	}{
		{"nothing", "shelly", say(""), "not the answer of a Shelly: unexpected end of JSON input"},
		{"another page", "shelly", say("<html>"), "not the answer of a Shelly: invalid character '<'"},
		{"a list", "shelly", say("[1,2]"), "not the answer of a Shelly: json: cannot unmarshal array"},
		{"no meter", "shelly", say(`{"id":0,"output":true}`), "no power on this switch (apower is missing)"},
		{"no power now", "shelly", say(`{"apower":null}`), "no power on this switch (apower is missing)"},
		{"no such switch", "shelly", say(`{"code":404,"message":"No handler for Switch.GetStatus"}`), `says "No handler for Switch.GetStatus"`},
		{"text", "shelly", say(`{"apower":"4.3"}`), "not the answer of a Shelly: json: cannot unmarshal string"},
		{"too large", "shelly", say(`{"apower":1e999}`), "not the answer of a Shelly: json: cannot unmarshal number 1e999"},
		{"negative", "shelly", say(`{"apower":-4.3}`), "-4.3 is no power"},
		{"endless", "shelly", func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write([]byte(strings.Repeat(" ", 1024))); err != nil {
					return
				}
			}
		}, "answers more than 64 KiB: it is no such plug"},
		{"deep", "shelly", say(strings.Repeat("[", 60000)), "not the answer of a Shelly: invalid character"},
		{"a password is wanted", "shelly", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) }, "wants a password, or another one"},
		{"broken", "tasmota", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, "answers 500 Internal Server Error"},
		{"elsewhere", "tasmota", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/cm" {
				t.Errorf("followed to %s", r.URL)
			}
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		}, "sends elsewhere (302 Found): give the address of the plug itself"},
		{"hangs up", "tasmota", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
		{"password", "tasmota", say(answer(t, "tasmota_password.json")), `says "Need user=<username>&password=<password>"`},
		{"no meter in it", "tasmota", say(`{"StatusSNS":{"Time":"2026-11-23T14:00:00"}}`), "no energy meter in this plug (StatusSNS.ENERGY.Power is missing)"},
		{"two outlets", "tasmota", say(`{"StatusSNS":{"ENERGY":{"Power":[5,7]}}}`), "meters several outlets, and which of them is the device's is not known: use a plug with one"},
		{"no number", "tasmota", say(`{"StatusSNS":{"ENERGY":{"Power":"five"}}}`), `ENERGY.Power is "\"five\"", not a number`},
		{"null", "tasmota", say(`{"StatusSNS":{"ENERGY":{"Power":null}}}`), `ENERGY.Power is "null", not a number`},
	} {
		found := Find(t.Context(), atPlug(t, c.kind, "", "", c.h))
		if len(found) != 1 || len(found[0].Meters) != 0 || found[0].Err == nil || !strings.Contains(found[0].Err.Error(), c.want) {
			t.Errorf("%s: %+v, want %s", c.name, found, c.want)
		}
	}
}

// TestPlugVanishes wants errors while a plug is away or hangs, and readings
// again afterwards; and no password in any of them.
func TestPlugVanishes(t *testing.T) {
	state := make(chan string, 1)
	state <- "good"
	release := make(chan struct{})
	defer close(release)
	env := atPlug(t, "tasmota", "admin:secret@", "", func(w http.ResponseWriter, r *http.Request) {
		s := <-state
		state <- s
		switch s {
		case "hangs":
			select {
			case <-r.Context().Done():
			case <-release:
			}
		case "dies":
			panic(http.ErrAbortHandler)
		default:
			fmt.Fprint(w, `{"StatusSNS":{"ENERGY":{"Power":5}}}`)
		}
	})
	m, err := Open(t.Context(), env, "tasmota")
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for _, step := range []struct{ state, want string }{
		{"good", ""}, {"dies", "EOF"}, {"hangs", "did not answer within 2s"}, {"good", ""},
	} {
		<-state
		state <- step.state
		_, err := m.Total[0].Read(t.Context())
		if step.want == "" && err != nil || step.want != "" && (err == nil || !strings.Contains(err.Error(), step.want)) {
			t.Errorf("%s: %v, want %q", step.state, err, step.want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the password is shown: %v", err)
		}
	}
	env.External[0].Target = "http://admin:secret@127.0.0.1:1" // a port that nothing listens on
	for _, f := range Find(t.Context(), env) {
		if f.Err == nil || strings.Contains(f.Err.Error(), "secret") {
			t.Errorf("no plug: %v", f.Err)
		}
	}
}

// TestShellyPassword plays a plug with a password: digest authentication with
// SHA-256 (RFC 7616, 3.4; Shelly, Gen2 authentication).
func TestShellyPassword(t *testing.T) {
	const realm, nonce = "shellyplusplugs-0123456789ab", "1764000000"
	hash := func(parts ...string) string {
		s := sha256.Sum256([]byte(strings.Join(parts, ":")))
		return hex.EncodeToString(s[:])
	}
	field := func(r *http.Request, name string) string {
		m := regexp.MustCompile(`[ ,]` + name + `="?([^",]*)"?`).FindStringSubmatch(r.Header.Get("Authorization"))
		if m == nil {
			return ""
		}
		return m[1]
	}
	body := answer(t, "shelly_gen2.json")
	plug := func(w http.ResponseWriter, r *http.Request) {
		want := hash(hash("admin", realm, "secret"), nonce, field(r, "nc"), field(r, "cnonce"), "auth", hash(r.Method, r.URL.RequestURI()))
		if r.Header.Get("Authorization") == "" || field(r, "response") != want {
			w.Header().Set("WWW-Authenticate", fmt.Sprintf("Digest qop=\"auth\", realm=%q, nonce=%q, algorithm=SHA-256", realm, nonce))
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, body)
	}
	for _, c := range []struct{ user, want string }{
		{"admin:secret@", ""},
		{"admin:wrong@", "wants a password, or another one"},
		{"", "wants a password, or another one"},
	} {
		m, err := Open(t.Context(), atPlug(t, "shelly", c.user, "", plug), "shelly")
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "wrong") {
				t.Errorf("%q: %v, want %s", c.user, err, c.want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", c.user, err)
			continue
		}
		if r, err := m.Total[0].Read(t.Context()); err != nil || r.Value != 4.3 {
			t.Errorf("%q: %v, %v", c.user, r, err)
		}
		if strings.Contains(m.String(), "secret") {
			t.Errorf("the password is shown: %v", m)
		}
	}
}

// TestReadingIsDated holds that a reading's moment lies within its request.
func TestReadingIsDated(t *testing.T) {
	env := atPlug(t, "tasmota", "", "", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"StatusSNS":{"ENERGY":{"Power":5.1}}}`)
	})
	m, err := Open(t.Context(), env, "")
	if err != nil {
		t.Fatal(err)
	}
	before := env.Now()
	r, err := m.Total[0].Read(t.Context())
	if after := env.Now(); err != nil || r.At <= before || r.At >= after || after-before != 3*time.Millisecond {
		t.Errorf("read at %v, between %v and %v: %v", r.At, before, after, err)
	}
}

func FuzzPlugs(f *testing.F) {
	for _, name := range []string{"shelly_gen2.json", "tasmota_status10.json", "tasmota_password.json"} {
		f.Add(answer(f, name))
	}
	f.Add(`{"apower":1e308,"aenergy":{"total":1e308}}`)
	f.Add(`{"StatusSNS":{"ENERGY":{"Power":[]}}}`)
	f.Fuzz(func(t *testing.T, body string) {
		if s, err := parseShelly([]byte(body)); err == nil && (math.IsNaN(s.watts) || math.IsNaN(s.joules)) {
			t.Errorf("%+v", s)
		}
		if w, err := parseTasmota([]byte(body)); err == nil && (math.IsNaN(w) || math.IsInf(w, 0)) {
			t.Errorf("%v", w)
		}
	})
}
