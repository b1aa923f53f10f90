package influxd

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
)

// second names an InfluxDB 2.x program, which the tests then use in place of
// 1.8: ASSAY_INFLUXD2. It is not built here: it needs a Rust compiler, or a
// build without Flux, which Assay does not ask for.
func second() string { return os.Getenv("ASSAY_INFLUXD2") }

// Second reports whether the server is a 2.x.
func (s *Server) Second() bool { return s.Org != "" }

func (s *Server) program2() *exec.Cmd {
	cmd := exec.Command(second(), "--http-bind-address", s.addr, "--reporting-disabled", "--log-level", "error",
		"--bolt-path", filepath.Join(s.dir, "bolt"), "--sqlite-path", filepath.Join(s.dir, "sqlite"), "--engine-path", filepath.Join(s.dir, "engine"))
	cmd.Env = os.Environ()
	return cmd
}

// setUp2 makes the first user, organisation and bucket of a new 2.x server.
func (s *Server) setUp2() {
	s.tb.Helper()
	s.post2("/api/v2/setup", http.StatusCreated, map[string]string{"username": user, "password": password, "org": s.Org, "bucket": s.Bucket, "token": s.Token})
}

func (s *Server) drop2(measurement string) {
	s.tb.Helper()
	q := url.Values{"org": {s.Org}, "bucket": {s.Bucket}}
	s.post2("/api/v2/delete?"+q.Encode(), http.StatusNoContent, map[string]string{
		"start": "1970-01-01T00:00:00Z", "stop": "2100-01-01T00:00:00Z", "predicate": `_measurement="` + measurement + `"`,
	})
}

func (s *Server) post2(path string, want int, doc any) {
	s.tb.Helper()
	body, err := json.Marshal(doc)
	if err != nil {
		s.tb.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodPost, s.URL+path, bytes.NewReader(body))
	if err != nil {
		s.tb.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Token "+s.Token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.tb.Fatal(err)
	}
	defer resp.Body.Close()
	if text, _ := io.ReadAll(resp.Body); resp.StatusCode != want {
		s.tb.Fatalf("%s: %s: %s", path, resp.Status, text)
	}
}
