package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
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
