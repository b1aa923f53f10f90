package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestLogin: without a login nothing is shown; with one everything, until it is
// taken back or ended.
func TestLogin(t *testing.T) {
	s := newSite(t, false, "")
	paths := []string{"/", "/dispatch/d", "/job/d-1", "/results", "/run/" + s.board.run, "/regressions", "/history", "/devices"}
	for _, path := range paths {
		_, body, r := get(t, client(t), s.URL+path)
		if r.Request.URL.Path != "/login" || strings.Contains(body, "orin") || strings.Contains(body, "board-2") {
			t.Errorf("without a login, %s leads to %s", path, r.Request.URL)
		}
	}
	if code, _, _ := get(t, client(t), s.URL+"/job/d-1/events"); code != http.StatusUnauthorized {
		t.Errorf("events without a login: status %d", code)
	}
	c := client(t)
	post := func(path string, v url.Values, origin string) *http.Response {
		t.Helper()
		req, err := http.NewRequest(http.MethodPost, s.URL+path, strings.NewReader(v.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if origin != "" {
			req.Header.Set("Origin", origin)
		}
		r, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		return r
	}
	if r := post("/login", url.Values{"secret": {"guess"}}, ""); r.StatusCode != http.StatusUnauthorized {
		t.Errorf("a wrong secret: status %d", r.StatusCode)
	}
	if r := post("/login", url.Values{"secret": {"sesame"}}, "https://elsewhere.example"); r.StatusCode != http.StatusForbidden {
		t.Errorf("a login from another's page: status %d", r.StatusCode)
	}
	if r := post("/login", url.Values{"secret": {" sesame\n"}, "to": {"/results?suite=nightly"}}, s.URL); r.StatusCode != http.StatusOK || r.Request.URL.Path != "/results" {
		t.Errorf("a login leads to %s, status %d", r.Request.URL, r.StatusCode)
	}
	for _, path := range paths {
		if code, body, r := get(t, c, s.URL+path); code != http.StatusOK || r.Request.URL.Path != path || !strings.HasPrefix(path, "/run") && path != "/history" && !strings.Contains(body, "ann") {
			t.Errorf("after a login, %s leads to %s, status %d", path, r.Request.URL, code)
		}
	}
	post("/logout", nil, s.URL)
	if _, _, r := get(t, c, s.URL+"/"); r.Request.URL.Path != "/login" {
		t.Error("a login that was ended shows pages")
	}
	post("/login", url.Values{"secret": {"sesame"}}, s.URL)
	s.guests.Lock()
	s.guests.names = nil
	s.guests.Unlock()
	if _, _, r := get(t, c, s.URL+"/"); r.Request.URL.Path != "/login" {
		t.Error("a login that was taken back shows pages")
	}
}

// TestOtherName: pages that are open on loopback are not for a page elsewhere
// whose name leads there.
func TestOtherName(t *testing.T) {
	s := newSite(t, true, "")
	for host, want := range map[string]int{"127.0.0.1:99": 200, "localhost": 200, "[::1]:99": 200, "evil.example": 303, "127.0.0.1.evil.example": 303, "10.0.0.1": 303} {
		req, err := http.NewRequest(http.MethodGet, s.URL+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		r, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode != want {
			t.Errorf("host %s: status %d, want %d", host, r.StatusCode, want)
		}
	}
}
