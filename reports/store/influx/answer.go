package influx

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"assay/reports/store/outbox"
)

// maxText bounds what is read of a refusal, in bytes; maxWhy what is kept, in
// characters.
const (
	maxText = 64 << 10
	maxWhy  = 300
)

// A doer sends the client's requests and turns every answer but the one that
// confirms a write into an *outbox.Answer, with all that the client's own
// errors leave out: dates in Retry-After, the messages of 3 Core, and success
// that is none.
type doer struct{ c *Client }

func (d doer) Do(req *http.Request) (*http.Response, error) {
	resp, err := d.c.http.Do(req)
	if err != nil {
		return nil, d.c.unreachable(err)
	}
	// A write is confirmed by 204 alone (1.8, 2.x and 3 Core): 200 comes from
	// something else that stands in between, such as a network's sign-in page.
	if resp.StatusCode == http.StatusNoContent {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, d.c.answer(resp)
}

// answer reads a refusal.
func (c *Client) answer(resp *http.Response) *outbox.Answer {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxText)) // what came is better than nothing
	a := &outbox.Answer{Do: action(resp.StatusCode), Status: resp.StatusCode, After: after(resp.Header, time.Now())}
	text := message(resp.Header, body)
	switch {
	case resp.StatusCode < 300:
		text = "it is no InfluxDB that answers: a write is confirmed by 204"
	case resp.StatusCode < 400:
		text = "it sends requests on to " + resp.Header.Get("Location") + ": set that as the url"
	}
	a.Text = c.clean(fmt.Sprintf("%s answers %d: %s", c.set.URL, resp.StatusCode, text))
	return a
}

// action is what a status asks for.
func action(status int) outbox.Action {
	switch {
	case status == http.StatusRequestTimeout || status == http.StatusTooManyRequests || status >= 500:
		return outbox.Retry
	case status == http.StatusRequestEntityTooLarge:
		return outbox.Split
	case status == http.StatusBadRequest || status == http.StatusUnprocessableEntity:
		return outbox.Bisect
	}
	return outbox.Pause // 401, 403, 404, and whatever nobody has foreseen: keep all
}

// after reads Retry-After: seconds or a date (RFC 9110, section 10.2.3).
func after(h http.Header, now time.Time) time.Duration {
	v := h.Get("Retry-After")
	if n, err := strconv.ParseUint(v, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(0, t.Sub(now))
	}
	return 0
}

// message is what the server says: 1.8 and 3 Core write "error", 2.x writes
// "message", 3 Core lists the lines of a partial write under "data".
func message(h http.Header, body []byte) string {
	var m struct {
		Error   string `json:"error"`
		Message string `json:"message"`
		Data    []struct {
			Message string `json:"error_message"`
		} `json:"data"`
	}
	if json.Unmarshal(body, &m) != nil { // not JSON, or not such
		m.Message = string(bytes.TrimSpace(body))
	}
	text := m.Message
	if m.Error != "" {
		text = m.Error
	}
	if len(m.Data) > 0 {
		text += ": " + m.Data[0].Message
	}
	if text == "" {
		text = h.Get("X-Influxdb-Error")
	}
	if text == "" {
		text = "without a word"
	}
	return text
}

// unreachable is the answer where there was none.
func (c *Client) unreachable(err error) error {
	var a *outbox.Answer
	if errors.As(err, &a) || errors.Is(err, context.Canceled) {
		return err
	}
	cause := err
	var u *url.Error
	if errors.As(err, &u) {
		cause = u.Err // without "Post" and the whole URL
	}
	return &outbox.Answer{Do: outbox.Retry, Err: err, Text: c.clean(fmt.Sprintf("%s cannot be reached: %v", c.set.URL, cause))}
}

// clean makes a text fit for being kept and printed: one line, not long, and
// without the token, should a server or a proxy repeat it.
func (c *Client) clean(s string) string {
	secrets := []string{c.set.Token}
	if _, password, ok := strings.Cut(c.set.Token, ":"); ok {
		secrets = append(secrets, password)
	}
	if u, err := url.Parse(c.set.Proxy); err == nil && u.User != nil {
		password, _ := u.User.Password()
		secrets = append(secrets, password)
	}
	for _, secret := range secrets {
		if secret != "" {
			s = strings.ReplaceAll(s, secret, "***")
		}
	}
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, " "))
	if r := []rune(s); len(r) > maxWhy {
		s = string(r[:maxWhy]) + "…"
	}
	return s
}
