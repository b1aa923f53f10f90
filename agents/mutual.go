package agents

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/nats-io/nkeys"
)

// Identify lets c show a certificate of the key with this seed to a hub that
// asks for one (assay hub --mtls). Nobody has signed it but the key itself: the
// hub knows the key, and looks at no date.
func Identify(c *tls.Config, seed string) error {
	_, raw, err := nkeys.DecodeSeed([]byte(seed))
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	key := ed25519.NewKeyFromSeed(raw)
	self := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "assay"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), // RFC 5280, 4.1.2.5: no end
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, self, self, key.Public(), key)
	if err != nil {
		return fmt.Errorf("certificate of the key: %w", err)
	}
	c.Certificates = []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}
	return nil
}

// Shown returns the public key of a certificate that Identify has made, as an
// nkey; its owner has proved to hold it when the connection was made.
func Shown(s *tls.ConnectionState) (string, error) {
	if s == nil || len(s.PeerCertificates) == 0 {
		return "", errors.New("no certificate was shown")
	}
	key, ok := s.PeerCertificates[0].PublicKey.(ed25519.PublicKey)
	if !ok {
		return "", errors.New("the certificate that was shown is not of an nkey")
	}
	b, err := nkeys.Encode(nkeys.PrefixByteUser, key)
	return string(b), err
}
