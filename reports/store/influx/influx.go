// Package influx writes runs to InfluxDB and reads them back. It writes by
// /api/v2/write and reads by InfluxQL, the common denominator of InfluxDB 1.8,
// 2.x and (for writing; it answers queries over its last days only) 3 Core.
// docs/influxdb.md describes the schema.
//
// Only blocking writes are used: the client's own queue is in memory and drops
// what does not fit, and counts a partial write as success. Durability is
// reports/store/outbox's; a Client is its Sink.
package influx

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"assay/reports/store/outbox"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"
	"github.com/influxdata/influxdb-client-go/v2/api"
)

// Settings say which server, and how it is reached.
type Settings struct {
	URL      string
	Token    string // of 2.x and 3; "user:password" for 1.8
	Org      string // of 2.x
	Bucket   string
	CA       string // PEM file of certificates that are trusted besides the system's
	Proxy    string // URL; "" for what the environment says (HTTPS_PROXY, NO_PROXY)
	Insecure bool   // certificates are not checked, plain HTTP may leave this machine
}

// String leaves the token out, wherever settings are printed.
func (s Settings) String() string { return fmt.Sprintf("%s, bucket %s", s.URL, s.Bucket) }

// GoString does the same for %#v.
func (s Settings) GoString() string { return s.String() }

// check says what is wrong with settings, never with the token in it.
func (s Settings) check() error {
	u, err := url.Parse(s.URL)
	switch {
	case s.URL == "" || s.Bucket == "":
		return errors.New("url and bucket are needed (for 1.8 the bucket is database/retention-policy)")
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return errors.New("the url is not one of http://host:port or https://host:port")
	case u.User != nil:
		return errors.New("the url holds a password: give it as the token (user:password for 1.8)")
	case u.RawQuery != "" || u.Fragment != "":
		return errors.New("the url ends in a query: only scheme, host and path are wanted")
	case strings.ContainsFunc(s.Token, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return errors.New("the token has blanks or control characters in it")
	case u.Scheme == "http" && s.Token != "" && !s.Insecure && !loopback(u.Hostname()):
		return fmt.Errorf("%s is plain HTTP and not on this machine: the token would cross the network readable. Use https, or say insecure", s.URL)
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// A Client writes to and reads from one bucket. It is safe for concurrent use.
type Client struct {
	set    Settings
	client influxdb2.Client
	write  api.WriteAPIBlocking
	http   *http.Client
}

var _ outbox.Sink = (*Client)(nil)

// New returns a client; it sends nothing.
func New(s Settings) (*Client, error) {
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("influxdb: %w", err)
	}
	t, err := s.transport()
	if err != nil {
		return nil, fmt.Errorf("influxdb: %w", err)
	}
	c := &Client{set: s, http: &http.Client{Transport: t, Timeout: timeout, CheckRedirect: stay}}
	o := influxdb2.DefaultOptions().SetApplicationName("assay")
	o.HTTPOptions().SetHTTPDoer(doer{c})
	c.client = influxdb2.NewClientWithOptions(s.URL, s.Token, o)
	c.write = c.client.WriteAPIBlocking(s.Org, s.Bucket)
	return c, nil
}

// Where names the server and the bucket.
func (c *Client) Where() string { return c.set.String() }

// Close ends the use of the client.
func (c *Client) Close() error {
	c.client.Close()
	c.http.CloseIdleConnections()
	return nil
}

// Write delivers lines of line protocol; its errors wrap an *outbox.Answer.
func (c *Client) Write(ctx context.Context, lines []string) error {
	err := c.write.WriteRecord(ctx, lines...)
	var a *outbox.Answer
	if err == nil || errors.As(err, &a) {
		return err
	}
	return c.unreachable(err)
}
