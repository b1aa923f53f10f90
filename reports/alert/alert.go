// Package alert tells another service, by a webhook, what people have to know:
// a gate that failed or could not decide, a series that has changed. It is
// told at least once: every message has an id by which the other side can drop
// a second copy. The address of a webhook is a secret, as Slack's is, and is in
// no error and no output.
package alert

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// A Message is what is told. Its JSON form is that of the generic webhook;
// keys are only ever added.
type Message struct {
	ID      string            `json:"id"`    // event and run: equal for a second copy
	Event   string            `json:"event"` // "gate" or "regressions"
	Word    string            `json:"word"`  // what it comes to: "fail", "undecided", "error"
	Exit    int               `json:"exit"`  // of the command
	Title   string            `json:"title"`
	Run     string            `json:"run,omitempty"`
	Suite   string            `json:"suite,omitempty"`
	Device  string            `json:"device,omitempty"`
	Class   string            `json:"class,omitempty"`
	Started time.Time         `json:"started"`
	Labels  map[string]string `json:"labels,omitempty"`
	Items   []Item            `json:"items"`
}

// An Item is one case with what is wrong with it.
type Item struct {
	Word   string `json:"word"`
	Case   string `json:"case"`
	Metric string `json:"metric,omitempty"`
	Text   string `json:"text"`
}

// Bounds of one message: an alert is late or lost rather than in the way.
const (
	attempts = 4
	patience = 10 * time.Second // for one attempt
	longest  = 30 * time.Second // that a server may ask to wait
)

// A Hook is where messages go.
type Hook struct {
	address *url.URL
	form    string
	client  *http.Client
	sleep   func(context.Context, time.Duration) error
}

// Forms are the forms that a message can take.
var Forms = []string{"json", "slack"}

// New returns the hook at an address. Without a form it is Slack's for Slack's
// host, and JSON for every other.
func New(address, form string) (*Hook, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" { // the error would show the address
		return nil, errors.New("the webhook's address is no URL such as https://host/path")
	}
	switch {
	case u.Scheme == "http" && !local(u.Hostname()):
		return nil, errors.New("the webhook's address is plain HTTP and not on this machine: what it holds would cross the network readable")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("the webhook's address is neither https nor http")
	}
	switch {
	case form == "" && u.Hostname() == "hooks.slack.com":
		form = "slack"
	case form == "":
		form = "json"
	case form != "json" && form != "slack":
		return nil, fmt.Errorf("unknown form of a webhook %q (have %s)", form, strings.Join(Forms, ", "))
	}
	client := &http.Client{Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &Hook{address: u, form: form, client: client, sleep: sleep}, nil
}

func local(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// String is the hook without what is secret of it.
func (h *Hook) String() string { return h.address.Scheme + "://" + h.address.Host + "/…" }

// Send tells m. It tries again a few times where the network, or a server that
// is busy or broken, is the cause.
func (h *Hook) Send(ctx context.Context, m Message) error {
	body, err := h.body(m)
	if err != nil {
		return fmt.Errorf("tell %v: %w", h, err)
	}
	for n := 1; ; n++ {
		wait, err := h.post(ctx, body)
		if err == nil {
			return nil
		}
		if wait < 0 || n == attempts || ctx.Err() != nil {
			return fmt.Errorf("tell %v: %w (attempt %d of %d)", h, err, n, attempts)
		}
		if wait == 0 {
			wait = time.Second << (n - 1)
		}
		if err := h.sleep(ctx, min(wait, longest)); err != nil {
			return fmt.Errorf("tell %v: %w", h, err)
		}
	}
}

func (h *Hook) body(m Message) ([]byte, error) {
	if h.form == "slack" {
		return json.Marshal(slack(m))
	}
	return json.Marshal(m)
}

// post tries once. wait is what the server asks for, 0 for nothing, and below
// 0 where another attempt would not help.
func (h *Hook) post(ctx context.Context, body []byte) (wait time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.address.String(), bytes.NewReader(body))
	if err != nil {
		return -1, errors.New("the request cannot be made")
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := h.client.Do(req)
	if err != nil {
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err // without the address
		}
		return 0, err
	}
	defer res.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(res.Body, 4096))
	if res.StatusCode/100 == 2 {
		return 0, nil
	}
	err = fmt.Errorf("it answered %d%s", res.StatusCode, h.clean(said))
	if res.StatusCode != http.StatusTooManyRequests && res.StatusCode != http.StatusRequestTimeout && res.StatusCode < 500 {
		return -1, err
	}
	if s, convErr := strconv.Atoi(res.Header.Get("Retry-After")); convErr == nil && s > 0 {
		wait = time.Duration(min(s, 3600)) * time.Second
	}
	return wait, err
}

// clean is the beginning of an answer, in one line and without the secret,
// which some servers echo.
func (h *Hook) clean(said []byte) string {
	text := string(said)
	for _, secret := range []string{h.address.String(), h.address.RequestURI(), strings.Trim(h.address.Path, "/"), h.address.RawQuery, h.address.User.String()} {
		if len(secret) > 1 {
			text = strings.ReplaceAll(text, secret, "…")
		}
	}
	text = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, "?"), func(r rune) bool { return r <= ' ' || r == 0x7f }), " ")
	if text == "" {
		return ""
	}
	if r := []rune(text); len(r) > 200 {
		text = string(r[:200]) + "…"
	}
	return ": " + text
}
