package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// output is what a command that runs beside a test has printed.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// freeAddress is an address that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// hubWith starts a hub with more flags and returns its folder and what the
// pattern finds in its output.
func hubWith(t *testing.T, pattern string, flags ...string) (dir, found string) {
	t.Helper()
	dir = t.TempDir()
	ctx, stop := context.WithCancel(t.Context())
	var out, talk output
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, append([]string{"hub", "--data", dir, "--listen", freeAddress(t)}, flags...), &out, &talk)
	}()
	t.Cleanup(func() {
		stop()
		if code := <-ended; code != 0 {
			t.Errorf("the hub ended with %d: %s", code, talk.String())
		}
	})
	want := regexp.MustCompile(pattern)
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if m := want.FindStringSubmatch(out.String()); m != nil {
			return dir, m[1]
		}
		select {
		case code := <-ended:
			ended <- 0
			t.Fatalf("the hub ended with %d: %s", code, talk.String())
		default:
		}
		if time.Now().After(end) {
			t.Fatalf("after a minute the hub says %s, not %s", out.String(), pattern)
		}
	}
}

// TestPages: a hub serves its pages on loopback.
func TestPages(t *testing.T) {
	_, at := hubWith(t, `the pages are at (http://\S+)`, "--http", "127.0.0.1:0")
	for path, want := range map[string]string{"/": "No device has joined", "/results": "No stored run fits", "/regressions": "the store holds no run", "/devices": "No stored run fits", "/dispatch/x": "dispatch &#34;x&#34;: not found"} {
		r, err := http.Get(at + path)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil || !strings.Contains(string(b), want) {
			t.Errorf("%s lacks %q: %v\n%s", path, want, err, b)
		}
	}
}

// TestPagesLogin: where a login is wanted, the pages come by TLS with the hub's
// own certificate, to who holds what assay fleet user add printed.
func TestPagesLogin(t *testing.T) {
	dir, at := hubWith(t, `the pages are at (https://\S+)`, "--http", "127.0.0.1:0", "--http-login")
	var out, talk output
	if code := run(t.Context(), []string{"fleet", "user", "add", "ann", "--data", dir}, &out, &talk); code != 0 {
		t.Fatalf("%d: %s", code, talk.String())
	}
	b, err := os.ReadFile(filepath.Join(dir, "hub.pem"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	_, rest := pem.Decode(b) // the hub's own, then its authority's
	if !roots.AppendCertsFromPEM(rest) {
		t.Fatal("hub.pem holds no authority")
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Jar: jar, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}, Timeout: time.Minute}
	defer c.CloseIdleConnections()
	page := func(r *http.Response, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return r.Request.URL.Path + " " + string(b)
	}
	if got := page(c.Get(at + "/results")); !strings.HasPrefix(got, "/login ") {
		t.Errorf("without a login: %s", got)
	}
	if got := page(c.PostForm(at+"/login", url.Values{"secret": {out.String()}, "to": {"/results"}})); !strings.HasPrefix(got, "/results ") || !strings.Contains(got, "ann") {
		t.Errorf("with a login: %s", got)
	}
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := http.Get("http://" + u.Host); err == nil && r.StatusCode != http.StatusBadRequest {
		t.Errorf("without TLS: %v", r.Status)
	}
}
