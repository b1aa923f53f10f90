package influx_test

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"assay/reports/store/influx"
	"assay/reports/store/outbox"
)

const secret = "t0p-sEcReT-t0ken"

func TestSettingsAreChecked(t *testing.T) {
	notPEM := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(notPEM, []byte("no certificate"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		set  influx.Settings
		want string // "" where it is accepted
	}{
		{"loopback", influx.Settings{URL: "http://127.0.0.1:8086", Token: secret, Bucket: "b"}, ""},
		{"loopback by name", influx.Settings{URL: "http://localhost:8086/", Token: secret, Bucket: "b"}, ""},
		{"loopback, IPv6", influx.Settings{URL: "http://[::1]:8086", Token: secret, Bucket: "b"}, ""},
		{"https", influx.Settings{URL: "https://influx.example/base/", Token: secret, Bucket: "b"}, ""},
		{"plain, no token", influx.Settings{URL: "http://influx.example", Bucket: "b"}, ""},
		{"plain, wanted", influx.Settings{URL: "http://influx.example", Token: secret, Bucket: "b", Insecure: true}, ""},
		{"plain", influx.Settings{URL: "http://influx.example", Token: secret, Bucket: "b"}, "plain HTTP and not on this machine"},
		{"looks like loopback", influx.Settings{URL: "http://localhost.example", Token: secret, Bucket: "b"}, "plain HTTP"},
		{"no bucket", influx.Settings{URL: "https://influx.example", Token: secret}, "url and bucket are needed"},
		{"no url", influx.Settings{Bucket: "b", Token: secret}, "url and bucket are needed"},
		{"no scheme", influx.Settings{URL: "influx.example:8086", Bucket: "b"}, "the url is not one of"},
		{"other scheme", influx.Settings{URL: "ftp://influx.example", Bucket: "b"}, "the url is not one of"},
		{"password in url", influx.Settings{URL: "https://me:" + secret + "@influx.example", Bucket: "b"}, "the url holds a password"},
		{"query in url", influx.Settings{URL: "https://influx.example?token=" + secret, Bucket: "b"}, "the url ends in a query"},
		{"line break in token", influx.Settings{URL: "https://influx.example", Bucket: "b", Token: secret + "\nX: y"}, "the token has blanks or control characters"},
		{"proxy", influx.Settings{URL: "https://influx.example", Bucket: "b", Proxy: "http://me:" + secret + "@proxy.example:3128"}, ""},
		{"bad proxy", influx.Settings{URL: "https://influx.example", Bucket: "b", Proxy: "me:" + secret + "@proxy"}, "the proxy is not one of"},
		{"no such CA", influx.Settings{URL: "https://influx.example", Bucket: "b", CA: "nowhere.pem"}, "read the CA file: open nowhere.pem"},
		{"CA without certificates", influx.Settings{URL: "https://influx.example", Bucket: "b", CA: notPEM}, "holds no certificate in PEM form"},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, err := influx.New(c.set)
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want == "":
				client.Close()
			case err == nil || !strings.Contains(err.Error(), c.want):
				t.Errorf("got %v, want an error with %q", err, c.want)
			case strings.Contains(err.Error(), secret):
				t.Errorf("the error tells the secret: %v", err)
			}
		})
	}
}

// TestTokenIsNeverTold looks for the token, and the password in it, wherever
// text comes out: settings printed, a server that repeats what it was sent,
// the store's file.
func TestTokenIsNeverTold(t *testing.T) {
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprintf(w, `{"error":"%s is not welcome, nor is %s"}`, req.Header.Get("Authorization"), secret)
	}))
	t.Cleanup(echo.Close)
	for _, token := range []string{secret, "user:" + secret} {
		set := influx.Settings{URL: echo.URL, Token: token, Bucket: "b", Proxy: "http://p:" + secret + "@127.0.0.1:1"}
		said := fmt.Sprintf("%v %+v %#v %s %v", set, set, set, set, &set)
		set.Proxy = ""

		r := offline(t, set)
		rep := r.drain(outbox.Options{Hand: true})
		if !strings.Contains(rep.Why, "answers 401: Token *** is not welcome, nor is ***") {
			t.Errorf("why: %s", rep.Why)
		}
		st, err := r.db.Outbox().Status(r.ctx)
		if err != nil {
			t.Fatal(err)
		}
		_, herr := r.client(set).History(r.ctx, noFilter, 0)
		said += fmt.Sprintf("%+v %+v %v", rep, st, herr)
		r.db.Close()
		for _, name := range []string{r.path, r.path + "-wal"} {
			if b, err := os.ReadFile(name); err == nil {
				said += string(b)
			}
		}
		if strings.Contains(said, secret) {
			t.Errorf("the secret of %q is told", token)
		}
	}
}

// offline is a rig whose server is the test's own.
func offline(t *testing.T, set influx.Settings) *rig {
	t.Helper()
	r := &rig{T: t, ctx: t.Context(), path: filepath.Join(t.TempDir(), "assay.db"), set: set}
	r.db = r.open()
	r.put(numbered("a", 0))
	return r
}

// TestCertificates: TLS before a real server, by a certificate that only the
// CA file vouches for.
func TestCertificates(t *testing.T) {
	r := newRig(t)
	target, err := url.Parse(r.server.URL)
	if err != nil {
		t.Fatal(err)
	}
	tls := httptest.NewUnstartedServer(httputil.NewSingleHostReverseProxy(target))
	tls.Config.ErrorLog = quiet // the handshakes that must not succeed
	tls.StartTLS()
	t.Cleanup(tls.Close)
	r.put(numbered("a", 0))
	r.set.URL = tls.URL
	if rep := r.drain(outbox.Options{Hand: true}); rep.Points != 0 || !strings.Contains(rep.Why, "certificate") {
		t.Errorf("a certificate that nobody vouches for: %+v", rep)
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: tls.Certificate().Raw}), 0o644); err != nil {
		t.Fatal(err)
	}
	r.set.CA = ca
	if rep := r.drain(outbox.Options{Hand: true}); rep.Left != 0 || rep.Why != "" {
		t.Errorf("with the CA file: %+v", rep)
	}
	r.same()
	r.put(numbered("b", 1))
	r.set.CA, r.set.Insecure = "", true
	if rep := r.drain(outbox.Options{Hand: true}); rep.Left != 0 {
		t.Errorf("insecure, because somebody said so: %+v", rep)
	}
	r.same()
}

// TestProxy: requests go through the proxy that is set, with its password.
func TestProxy(t *testing.T) {
	r := newRig(t)
	var seen []string
	target, err := url.Parse(r.server.URL)
	if err != nil {
		t.Fatal(err)
	}
	forward := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		seen = append(seen, req.Header.Get("Proxy-Authorization")+" "+req.URL.Host)
		httputil.NewSingleHostReverseProxy(target).ServeHTTP(w, req)
	}))
	t.Cleanup(forward.Close)
	r.put(numbered("a", 0))
	// The name exists for the proxy alone.
	r.set.URL, r.set.Insecure = "http://influx.invalid:8086", true
	r.set.Proxy = strings.Replace(forward.URL, "http://", "http://me:pass@", 1)
	if rep := r.drain(outbox.Options{Hand: true}); rep.Left != 0 {
		t.Errorf("got %+v", rep)
	}
	if len(seen) != 1 || seen[0] != "Basic bWU6cGFzcw== influx.invalid:8086" { // me:pass
		t.Errorf("the proxy saw %q", seen)
	}
	r.same()
}

// TestRequest is what 2.x and 3 Core are sent: their own parameters and token.
func TestRequest(t *testing.T) {
	var got []string
	var body []byte
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		got = append(got, req.Method+" "+req.URL.String(), req.Header.Get("Authorization"), req.Header.Get("User-Agent"))
		body, _ = io.ReadAll(req.Body)
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(s.Close)
	r := offline(t, influx.Settings{URL: s.URL + "/base", Token: secret, Org: "my org", Bucket: "models"})
	if rep := r.drain(outbox.Options{}); rep.Left != 0 {
		t.Fatalf("got %+v", rep)
	}
	if len(got) != 3 || got[0] != "POST /base/api/v2/write?bucket=models&org=my+org&precision=ns" || got[1] != "Token "+secret || !strings.HasSuffix(got[2], " assay") {
		t.Errorf("got %q", got)
	}
	const first = `assay_run,class=amd64-amd-epyc-2c,device=d41d8cd98f00b204,suite=quick run="a",device_name="bench-1",version="0.1.0",`
	if !bytes.HasPrefix(body, []byte(first)) || !bytes.Contains(body, []byte("\nassay_summary,batch=1,class=amd64-amd-epyc-2c,device=d41d8cd98f00b204,engine=onnxruntime,metric=latency.p50,model=resnet8,provider=cpu,scenario=single-stream,source=-,suite=quick,task=fashion-mnist,threads=1,variant=baseline value=0.000152,low=")) {
		t.Errorf("body: %.900s", body)
	}
}
