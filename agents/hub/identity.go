package hub

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"assay/agents"
)

// TLSFiles name a certificate that the hub is given, instead of the one that
// it makes: PEM files of the certificate (with what lies between it and the
// authority), its key, and the authority.
type TLSFiles struct{ Cert, Key, CA string }

// identity returns the hub's certificate, its authority last, and the address
// by which devices know it.
func (h *Hub) identity() (tls.Certificate, agents.Address, error) {
	at, flag := agents.Address{Host: h.cfg.Advertise}, "--advertise"
	if at.Host == "" {
		at.Host, flag = h.cfg.Listen, "--listen"
	}
	host, _, err := net.SplitHostPort(at.Host)
	if err != nil {
		return tls.Certificate{}, at, fmt.Errorf("%s %q: want host:port, for example hub.lab:4222", flag, at.Host)
	}
	if h.cfg.TLS != (TLSFiles{}) {
		at.Name = host
		c, ca, err := givenCertificate(h.cfg.TLS, host, time.Now())
		at.CA = ca
		return c, at, err
	}
	c, ca, err := certificate(h.cfg.Dir, host)
	at.CA = ca
	return c, at, err
}

// givenCertificate reads the user's certificate for host, and returns it with
// the fingerprint of its authority. The authority may sign for others, so
// devices look at the name, too.
func givenCertificate(f TLSFiles, host string, now time.Time) (tls.Certificate, string, error) {
	if f.Cert == "" || f.Key == "" || f.CA == "" {
		return tls.Certificate{}, "", errors.New("--tls-cert, --tls-key and --tls-ca go together: a certificate, its key, and the authority that devices are to know the hub by")
	}
	c, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return c, "", fmt.Errorf("--tls-cert %s, --tls-key %s: %w", f.Cert, f.Key, err)
	}
	b, err := os.ReadFile(f.CA)
	if err != nil {
		return c, "", fmt.Errorf("--tls-ca: %w", err)
	}
	block, _ := pem.Decode(b)
	if block == nil || block.Type != "CERTIFICATE" {
		return c, "", fmt.Errorf("--tls-ca %s: want one certificate as PEM", f.CA)
	}
	ca, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return c, "", fmt.Errorf("--tls-ca %s: %w", f.CA, err)
	}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(ca)
	for _, der := range c.Certificate[1:] {
		x, err := x509.ParseCertificate(der)
		if err != nil {
			return c, "", fmt.Errorf("--tls-cert %s: %w", f.Cert, err)
		}
		between.AddCert(x)
	}
	if _, err := c.Leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: roots, Intermediates: between, CurrentTime: now}); err != nil {
		return c, "", fmt.Errorf("--tls-cert %s does not prove a hub at %s (--advertise) to who trusts %s: %w", f.Cert, host, f.CA, err)
	}
	if last := c.Certificate[len(c.Certificate)-1]; agents.Fingerprint(last) != agents.Fingerprint(ca.Raw) {
		c.Certificate = append(c.Certificate, ca.Raw)
	}
	return c, agents.Fingerprint(ca.Raw), nil
}

// PagesTLS is what the hub's pages are served with: browsers see the same
// certificate as devices do.
func (h *Hub) PagesTLS() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{h.cert}}
}

// names are the names and addresses that a certificate of the hub's own is for.
func names(host string) (dns []string, ips []net.IP) {
	all := []string{host, "localhost", "127.0.0.1", "::1"}
	if own, err := os.Hostname(); err == nil {
		all = append(all, own)
	}
	for _, n := range all {
		if ip := net.ParseIP(n); ip != nil {
			ips = append(ips, ip)
		} else if n != "" {
			dns = append(dns, n)
		}
	}
	return dns, ips
}
