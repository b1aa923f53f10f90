package energy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/icholy/digest"
)

// Bounds of a request to a plug. One in the same network answers in some 20 ms;
// its answer has less than 1 KiB.
const (
	plugTime = 2 * time.Second
	plugSize = 64 << 10 // B
)

// A plug is a meter that is asked by HTTP.
type plug struct {
	client *http.Client
	url    *url.URL // asked for every reading; user and password are not in it
	host   string   // for people
}

// plugURL reads the address of a plug, which has no path. keys are the
// parameters that may follow. No error shows the address: it may hold a password.
func plugURL(target string, keys ...string) (*url.URL, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, errors.New("the address cannot be read (in a password, special characters are written %XX)")
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("the address does not begin with http:// or https://")
	case u.Hostname() == "":
		return nil, errors.New("the address names no host")
	case strings.Trim(u.Path, "/") != "" || u.Fragment != "":
		return nil, errors.New("the address has a path: the plug's host is enough")
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, errors.New("the address's parameters cannot be read")
	}
	for k := range q {
		if !slices.Contains(keys, k) {
			return nil, fmt.Errorf("parameter %q is unknown", k)
		}
	}
	return u, nil
}

// newPlug makes a plug. Redirections are not followed: no plug sends any, and
// the password must not go elsewhere.
func newPlug(client *http.Client, u *url.URL) *plug {
	c := http.Client{}
	if client != nil {
		c = *client
	}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.Timeout = plugTime
	bare := *u
	bare.User = nil
	return &plug{client: &c, url: &bare, host: u.Host}
}

// login makes the plug's client answer challenges (RFC 7616).
func (p *plug) login(user *url.Userinfo) {
	if password, ok := user.Password(); ok {
		p.client.Transport = &digest.Transport{Username: user.Username(), Password: password, Transport: p.client.Transport}
	}
}

// get returns the plug's answer. Its errors do not name the plug, as the gauge
// does, nor show the address's parameters, of which one may be a password.
func (p *plug) get(ctx context.Context) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url.String(), nil)
	if err != nil {
		return nil, because(err)
	}
	a, err := p.client.Do(r)
	if err != nil {
		return nil, because(err)
	}
	defer a.Body.Close()
	body, err := io.ReadAll(io.LimitReader(a.Body, plugSize+1))
	switch {
	case err != nil:
		return nil, because(err)
	case a.StatusCode == http.StatusUnauthorized:
		return nil, denied{errors.New("wants a password, or another one"), "give it in the address: http://USER:PASSWORD@" + p.host}
	case a.StatusCode/100 == 3:
		return nil, fmt.Errorf("sends elsewhere (%s): give the address of the plug itself", a.Status)
	case a.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("answers %s", a.Status)
	case len(body) > plugSize:
		return nil, fmt.Errorf("answers more than %d KiB: it is no such plug", plugSize>>10)
	}
	return body, nil
}

// because is the cause of a failed request, without its address.
func because(err error) error {
	var e *url.Error
	if errors.As(err, &e) {
		err = e.Err
	}
	if errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
		return fmt.Errorf("did not answer within %v: %w", plugTime, err)
	}
	return err
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// free lets go of the plug's connections.
func (p *plug) free() error {
	p.client.CloseIdleConnections()
	return nil
}

// meter makes a wall meter of one figure of the plug's answer, if the plug
// shows it now.
func (p *plug) meter(ctx context.Context, now func() time.Duration, kind string, d Domain, parse func([]byte) (float64, error)) (Meter, error) {
	g := &gauge{domain: d, now: now, close: p.free, value: func(ctx context.Context) (float64, error) {
		body, err := p.get(ctx)
		if err != nil {
			return 0, err
		}
		return parse(body)
	}}
	if _, err := g.Read(ctx); err != nil {
		return Meter{}, err
	}
	return Meter{Name: kind, Scope: Wall, Total: []Sensor{g}}, nil
}
