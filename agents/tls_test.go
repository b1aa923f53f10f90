package agents_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"assay/agents"
	"assay/agents/agent"
	"assay/agents/hub"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

// An authority signs certificates, as that of a company does.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	dir  string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{dir: t.TempDir(), key: newKey(t)}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "company"}, NotBefore: time.Now().AddDate(0, -1, 0), NotAfter: time.Now().AddDate(0, 1, 0), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	a.cert = a.sign(t, c, c, a.key, a.key)
	a.write(t, "ca.pem", "CERTIFICATE", a.cert.Raw)
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (a *authority) sign(t *testing.T, c, by *x509.Certificate, key, signer *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, c, by, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	x, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func (a *authority) write(t *testing.T, name, kind string, der ...[]byte) string {
	t.Helper()
	var b []byte
	for _, d := range der {
		b = append(b, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: d})...)
	}
	path := filepath.Join(a.dir, name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// files is a certificate for 127.0.0.1, or for another name, by way of an
// authority in between.
func (a *authority) files(t *testing.T, name string) hub.TLSFiles {
	t.Helper()
	between, leaf := newKey(t), newKey(t)
	now := time.Now()
	mid := a.sign(t, &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "department"}, NotBefore: now.AddDate(0, 0, -3), NotAfter: now.AddDate(0, 0, 3), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, a.cert, between, a.key)
	c := &x509.Certificate{SerialNumber: big.NewInt(3), Subject: pkix.Name{CommonName: "hub"}, NotBefore: now.AddDate(0, 0, -2), NotAfter: now.AddDate(0, 0, 2), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	if ip := net.ParseIP(name); ip != nil {
		c.IPAddresses = []net.IP{ip}
	} else {
		c.DNSNames = []string{name}
	}
	cert := a.sign(t, c, mid, leaf, between)
	der, err := x509.MarshalPKCS8PrivateKey(leaf)
	if err != nil {
		t.Fatal(err)
	}
	return hub.TLSFiles{Cert: a.write(t, name+".pem", "CERTIFICATE", cert.Raw, mid.Raw), Key: a.write(t, name+".key", "PRIVATE KEY", der), CA: filepath.Join(a.dir, "ca.pem")}
}

// startWith starts a hub with more to its config.
func startWith(t *testing.T, more func(*hub.Config)) *fleet {
	t.Helper()
	f := &fleet{log: &safeBuffer{}}
	f.cfg = hubConfig(t.TempDir(), address(t), "", f.log)
	more(&f.cfg)
	f.start(t)
	return f
}

// TestOwnAuthority: with the certificate of a company, a device joins and works
// by that authority's fingerprint, whatever its clock says, and trusts no other
// server of the company's.
func TestOwnAuthority(t *testing.T) {
	a := newAuthority(t)
	f := startWith(t, func(c *hub.Config) { c.TLS = a.files(t, "127.0.0.1") })
	j, err := f.Invite(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if j.Hub.CA != agents.Fingerprint(a.cert.Raw) || j.Hub.Name != "127.0.0.1" {
		t.Errorf("the join string names authority %.12s…, name %q", j.Hub.CA, j.Hub.Name)
	}
	for _, years := range []int{-1, 1, 30} {
		c := j.Hub.TLS()
		c.Time = func() time.Time { return time.Now().AddDate(years, 0, 0) }
		nc, err := nats.Connect("tls://"+j.Hub.Host, nats.Secure(c), nats.Token(j.Token), nats.NoReconnect())
		if err != nil {
			t.Errorf("clock %d years off: %v", years, err)
			continue
		}
		nc.Close()
	}
	f.run(t, agentConfig(f.join(t, "a", "pi"), "a", "pi", slog.LevelWarn))
	f.here(t, 1)

	other := startWith(t, func(c *hub.Config) {
		c.TLS, c.Advertise = a.files(t, "other.example"), "other.example:4222"
		c.Dir = t.TempDir()
	})
	elsewhere := j.Hub
	elsewhere.Host = other.cfg.Listen
	if _, err := dial(t, elsewhere, nats.Token(j.Token)); err == nil || !strings.Contains(err.Error(), "not the hub that was joined") {
		t.Errorf("another server of the same authority: %v", err)
	}
}

// TestGivenCertificates: what would not work is said when the hub starts.
func TestGivenCertificates(t *testing.T) {
	a, b := newAuthority(t), newAuthority(t)
	good, other := a.files(t, "127.0.0.1"), a.files(t, "hub.example")
	for name, c := range map[string]struct {
		files hub.TLSFiles
		want  string
	}{
		"no key":            {hub.TLSFiles{Cert: good.Cert, CA: good.CA}, "go together"},
		"another's key":     {hub.TLSFiles{Cert: good.Cert, Key: other.Key, CA: good.CA}, "private key does not match"},
		"another name":      {other, "does not prove a hub at 127.0.0.1"},
		"another authority": {hub.TLSFiles{Cert: good.Cert, Key: good.Key, CA: filepath.Join(b.dir, "ca.pem")}, "unknown authority"},
		"no authority":      {hub.TLSFiles{Cert: good.Cert, Key: good.Key, CA: good.Key}, "want one certificate as PEM"},
		"no file":           {hub.TLSFiles{Cert: good.Cert, Key: good.Key, CA: "nothing"}, "no such file"},
	} {
		cfg := hubConfig(t.TempDir(), address(t), "", &safeBuffer{})
		cfg.TLS = c.files
		h, err := hub.Start(t.Context(), cfg)
		if err == nil {
			h.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// TestMutual: where it is asked for, nobody comes in without a certificate of
// the very key that signs in.
func TestMutual(t *testing.T) {
	f := startWith(t, func(c *hub.Config) { c.Mutual = true })
	dir := f.join(t, "a", "pi")
	f.run(t, agentConfig(dir, "a", "pi", slog.LevelWarn))
	f.here(t, 1)
	s, err := agent.ReadSelf(dir)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := nkeys.FromSeed([]byte(s.Seed))
	if err != nil {
		t.Fatal(err)
	}
	pub, err := pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dial(t, s.Hub, nats.Nkey(pub, pair.Sign)); err == nil {
		t.Error("a key comes in without a certificate")
	}
	another, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := another.Seed()
	if err != nil {
		t.Fatal(err)
	}
	secure := s.Hub.TLS()
	if err := agents.Identify(secure, string(seed)); err != nil {
		t.Fatal(err)
	}
	if _, err := dial(t, s.Hub, nats.Secure(secure), nats.Nkey(pub, pair.Sign)); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("a key with another's certificate: %v", err)
	}
	if want := "the certificate is not that of the key"; !strings.Contains(f.log.String(), want) {
		t.Errorf("the hub's log lacks %q", want)
	}
}
