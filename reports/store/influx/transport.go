package influx

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"
)

// timeout bounds one request. A run waits for at most one that is under way.
const timeout = 30 * time.Second

// stay keeps a request where it was sent: following a redirect turns a write
// into a reading of some page, which then looks like success.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// transport reaches the server: certificates, proxy, time limits.
func (s Settings) transport() (*http.Transport, error) {
	t := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSHandshakeTimeout:   5 * time.Second,
		ResponseHeaderTimeout: timeout,
		IdleConnTimeout:       90 * time.Second,
		ForceAttemptHTTP2:     true,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: s.Insecure},
	}
	if s.Proxy != "" {
		u, err := url.Parse(s.Proxy)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "socks5" {
			return nil, errors.New("the proxy is not one of http://host:port, https://host:port or socks5://host:port") // it may hold a password
		}
		t.Proxy = http.ProxyURL(u)
	}
	if s.CA != "" {
		pem, err := os.ReadFile(s.CA)
		if err != nil {
			return nil, fmt.Errorf("read the CA file: %w", err)
		}
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("the CA file %s holds no certificate in PEM form", s.CA)
		}
		t.TLSClientConfig.RootCAs = pool
	}
	return t, nil
}
