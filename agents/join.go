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
	Host string `json:"host"` // host:port
	CA   string `json:"ca"`   // sha256 of the certificate of the hub's own authority
}

// joinPrefix tells a join string from anything else that may be pasted.
const joinPrefix = "assay-join-1."

func (j Join) String() string {
	b, err := json.Marshal(j)
	if err != nil {
		return "" // three strings always marshal
	}
	return joinPrefix + base64.RawURLEncoding.EncodeToString(b)
}

// ParseJoin reads a join string.
func ParseJoin(s string) (Join, error) {
	var j Join
	text, ok := strings.CutPrefix(strings.TrimSpace(s), joinPrefix)
	if !ok {
		return j, fmt.Errorf("this is no join string: it begins with %s (assay fleet invite prints one)", joinPrefix)
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(b, &j)
	}
	if err != nil {
		return j, errors.New("the join string is damaged: copy the whole of it")
	}
	if _, _, err := net.SplitHostPort(j.Hub.Host); err != nil || len(j.Hub.CA) != 2*sha256.Size || j.Token == "" {
		return j, errors.New("the join string lacks the hub's address, its fingerprint or the token")
	}
	return j, nil
}

// Fingerprint is the sha256 of a certificate.
func Fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

// TLS trusts the server that the authority with the address's fingerprint has
// signed, and no other. The name is not looked at, since that authority signs
// for its hub alone; nor is the device's clock, which may be a year off where
// no battery keeps it.
func (a Address) TLS() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		InsecureSkipVerify: true, // the chain is verified below
		VerifyConnection: func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) < 2 {
				return errors.New("the hub does not show its authority's certificate")
			}
			leaf, ca := s.PeerCertificates[0], s.PeerCertificates[len(s.PeerCertificates)-1]
			if got := Fingerprint(ca.Raw); got != a.CA {
				return fmt.Errorf("this is not the hub that was joined: its authority has fingerprint %.12s…, wanted %.12s…", got, a.CA)
			}
			roots := x509.NewCertPool()
			roots.AddCert(ca)
			_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: leaf.NotBefore.Add(time.Second)})
			return err
		},
	}
}
