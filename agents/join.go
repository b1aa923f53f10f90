package agents

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// A Join is what a device needs to find its hub, to know it, and to be let in
// once.
type Join struct {
	Hub   Address `json:"hub"`
	Token string  `json:"token"`
}

// An Address is where a hub is and how it is known.
type Address struct {
	Host string `json:"host"`           // host:port
	CA   string `json:"ca"`             // sha256 of the certificate of the hub's authority
	Name string `json:"name,omitempty"` // that its certificate is for, where the authority is not the hub's own
}

// joinPrefix tells a join string from anything else that may be pasted.
const joinPrefix = "assay-join-1."

func (j Join) String() string { return pack(joinPrefix, j) }

// ParseJoin reads a join string.
func ParseJoin(s string) (Join, error) {
	var j Join
	if err := unpack(s, joinPrefix, "join string", "assay fleet invite", &j); err != nil {
		return j, err
	}
	if !j.Hub.whole() || j.Token == "" {
		return j, errors.New("the join string lacks the hub's address, its fingerprint or the token")
	}
	return j, nil
}

// A Pass is what a person logs in with.
type Pass struct {
	Hub  Address `json:"hub"`
	Name string  `json:"name"`
	Seed string  `json:"seed"` // of an nkey
}

// passPrefix tells a pass from anything else that may be pasted.
const passPrefix = "assay-login-1."

func (p Pass) String() string { return pack(passPrefix, p) }

// ParsePass reads a pass.
func ParsePass(s string) (Pass, error) {
	var p Pass
	if err := unpack(s, passPrefix, "login", "assay fleet user add", &p); err != nil {
		return p, err
	}
	if !p.Hub.whole() || p.Seed == "" || !Word(p.Name) {
		return p, errors.New("the login lacks the hub's address, its fingerprint, the name or the secret")
	}
	return p, nil
}

// pack writes v as one word that begins with prefix.
func pack(prefix string, v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "" // strings always marshal
	}
	return prefix + base64.RawURLEncoding.EncodeToString(b)
}

// unpack reads what pack writes; by is the command that prints it.
func unpack(s, prefix, what, by string, v any) error {
	text, ok := strings.CutPrefix(strings.TrimSpace(s), prefix)
	if !ok {
		return fmt.Errorf("this is no %s: it begins with %s (%s prints one)", what, prefix, by)
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		return fmt.Errorf("the %s is damaged: copy the whole of it", what)
	}
	return nil
}

// whole reports whether an address says where a hub is and how it is known.
func (a Address) whole() bool {
	_, _, err := net.SplitHostPort(a.Host)
	return err == nil && len(a.CA) == 2*sha256.Size
}

// Fingerprint is the sha256 of a certificate.
func Fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

// TLS trusts the server that the authority with the address's fingerprint has
// signed, and no other. The name is looked at where that authority may sign for
// others, too. The device's clock is not, which may be a year off where no
// battery keeps it.
func (a Address) TLS() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		InsecureSkipVerify: true, // the chain is verified below
		VerifyConnection:   a.verify,
	}
}

func (a Address) verify(s tls.ConnectionState) error {
	n := len(s.PeerCertificates)
	if n < 2 {
		return errors.New("the hub does not show its authority's certificate")
	}
	leaf, ca := s.PeerCertificates[0], s.PeerCertificates[n-1]
	if got := Fingerprint(ca.Raw); got != a.CA {
		return fmt.Errorf("this is not the hub that was joined: its authority has fingerprint %.12s…, wanted %.12s…", got, a.CA)
	}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(ca)
	for _, c := range s.PeerCertificates[1 : n-1] {
		between.AddCert(c)
	}
	_, err := leaf.Verify(x509.VerifyOptions{DNSName: a.Name, Roots: roots, Intermediates: between, CurrentTime: began(s.PeerCertificates)})
	if err != nil {
		return fmt.Errorf("this is not the hub that was joined: %w", err)
	}
	return nil
}

// began is when the last of some certificates began to hold: they all hold
// then, whatever the clock here says.
func began(all []*x509.Certificate) time.Time {
	at := all[0].NotBefore
	for _, c := range all {
		if c.NotBefore.After(at) {
			at = c.NotBefore
		}
	}
	return at.Add(time.Second)
}
