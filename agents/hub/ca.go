package hub

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"assay/agents"
)

// lifetime of the hub's certificates: devices stay in the field for years, and
// know the hub by its authority's fingerprint, not by a date.
const lifetime = 20 * 365 * 24 * time.Hour

// certificate returns the hub's certificate, signed by an authority of its own
// that signs nothing else, and the authority's fingerprint. Both are made when
// the hub is started for the first time. The authority's key is not kept:
// nothing is left that could sign for another hub.
func certificate(dir, host string) (tls.Certificate, string, error) {
	path := filepath.Join(dir, "hub.pem")
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if b, err = newCertificate(host); err == nil {
			err = agents.WriteFile(path, b)
		}
	}
	if err != nil {
		return tls.Certificate{}, "", fmt.Errorf("certificate of the hub: %w", err)
	}
	c, err := tls.X509KeyPair(b, b)
	if err != nil || len(c.Certificate) != 2 {
		return tls.Certificate{}, "", fmt.Errorf("certificate of the hub: %s is damaged (%v): bring back a copy, or remove it and join every device again", path, err)
	}
	return c, agents.Fingerprint(c.Certificate[1]), nil
}

// newCertificate makes an authority and a certificate for host that it signs,
// and returns both, with the key of the latter, as PEM.
func newCertificate(host string) ([]byte, error) {
	now := time.Now()
	dns, ips := names(host)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "assay hub's authority"},
		NotBefore: now, NotAfter: now.Add(lifetime),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "assay hub"},
		NotBefore: now, NotAfter: now.Add(lifetime),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: dns, IPAddresses: ips, // browsers look at them
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	if err != nil {
		return nil, err
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, caKey)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	var out []byte
	for _, b := range []*pem.Block{{Type: "CERTIFICATE", Bytes: leafDER}, {Type: "CERTIFICATE", Bytes: caDER}, {Type: "PRIVATE KEY", Bytes: keyDER}} {
		out = append(out, pem.EncodeToMemory(b)...)
	}
	return out, nil
}
