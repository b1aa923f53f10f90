// Package influxd runs a real InfluxDB 1.8.10 for tests: on loopback, with
// authorisation, in a folder of the test's own. make influxd builds the server
// into the user's cache, once; it is not part of Assay. Where ASSAY_INFLUXD2
// names the program of a 2.x, the tests run on that one.
package influxd

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Version of the server.
const Version = "1.8.10"

// The user and the database that a Server has.
const (
	user     = "bench"
	password = "b3nch-p4ss"
	database = "bench"
)

// A Server is a running InfluxDB.
type Server struct {
	URL    string
	Token  string // 1.8 takes user:password
	Org    string // 2.x only
	Bucket string // database/retention-policy

	tb   testing.TB
	dir  string
	addr string
	mu   sync.Mutex // of cmd: a test may kill from elsewhere
	cmd  *exec.Cmd
}

// Path is where make influxd puts the program.
func Path() string {
	cache := os.Getenv("XDG_CACHE_HOME")
	if cache == "" {
		cache = filepath.Join(os.Getenv("HOME"), ".cache")
	}
	return filepath.Join(cache, "assay", "influxd", Version, "influxd")
}

// Start runs a server until the test ends. A missing program fails the test:
// what it would have shown is not shown.
func Start(tb testing.TB) *Server {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := &Server{tb: tb, dir: tb.TempDir(), addr: l.Addr().String(), Token: user + ":" + password, Bucket: database + "/autogen"}
	l.Close()
	s.URL = "http://" + s.addr
	tb.Cleanup(s.Kill)
	if second() != "" {
		s.Org, s.Token, s.Bucket = "lab", user+"-"+password, database // InfluxQL's database is the bucket
		s.Up()
		s.setUp2()
		return s
	}
	s.Up()
	s.exec("", "CREATE USER "+user+" WITH PASSWORD '"+password+"' WITH ALL PRIVILEGES")
	s.Exec("CREATE DATABASE " + database)
	return s
}

// Up starts the server, with the data it had, and waits until it answers.
func (s *Server) Up() {
	s.tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		s.tb.Fatal(err)
	}
	defer log.Close()
	if s.cmd = s.program(); s.Second() {
		s.cmd = s.program2()
	}
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		s.tb.Fatalf("%v (make influxd builds it)", err)
	}
	for range 600 { // 30 s: a loaded machine
		if resp, err := http.Get(s.URL + "/ping"); err == nil {
			resp.Body.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	out, _ := os.ReadFile(filepath.Join(s.dir, "log"))
	s.tb.Fatalf("influxd does not answer:\n%s", out)
}

func (s *Server) program() *exec.Cmd {
	s.tb.Helper()
	conf := filepath.Join(s.dir, "empty.conf")
	if err := os.WriteFile(conf, nil, 0o644); err != nil {
		s.tb.Fatal(err)
	}
	cmd := exec.Command(Path(), "-config", conf)
	cmd.Env = append(os.Environ(),
		"INFLUXDB_REPORTING_DISABLED=true", "INFLUXDB_BIND_ADDRESS=127.0.0.1:0",
		"INFLUXDB_META_DIR="+filepath.Join(s.dir, "meta"), "INFLUXDB_DATA_DIR="+filepath.Join(s.dir, "data"), "INFLUXDB_DATA_WAL_DIR="+filepath.Join(s.dir, "wal"),
		"INFLUXDB_DATA_INDEX_VERSION=tsi1", "INFLUXDB_MONITOR_STORE_ENABLED=false", "INFLUXDB_DATA_QUERY_LOG_ENABLED=false",
		"INFLUXDB_HTTP_BIND_ADDRESS="+s.addr, "INFLUXDB_HTTP_AUTH_ENABLED=true", "INFLUXDB_HTTP_LOG_ENABLED=false", "INFLUXDB_HTTP_PPROF_ENABLED=false")
	return cmd
}

// Kill ends the server at once, as a power cut does.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd != nil && s.cmd.Process != nil {
		s.cmd.Process.Kill()
		s.cmd.Wait() // its error is the signal
		s.cmd = nil
	}
}

// Exec runs an InfluxQL statement as the administrator and returns the answer.
func (s *Server) Exec(q string) string {
	s.tb.Helper()
	return s.exec(s.Token, q)
}

// Drop removes a measurement.
func (s *Server) Drop(measurement string) {
	s.tb.Helper()
	if s.Second() {
		s.drop2(measurement)
		return
	}
	s.Exec("DROP MEASUREMENT " + measurement)
}

func (s *Server) exec(token, q string) string {
	s.tb.Helper()
	text, err := post(s.URL, token, q)
	if err != nil {
		s.tb.Fatalf("%s: %v", q, err)
	}
	return text
}

func post(base, token, q string) (string, error) {
	v := url.Values{"db": {database}, "q": {q}}
	req, err := http.NewRequest(http.MethodPost, base+"/query", strings.NewReader(v.Encode()))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if token != "" {
		req.Header.Set("Authorization", "Token "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && (resp.StatusCode != http.StatusOK || strings.Contains(string(b), `"error"`)) {
		err = errors.New(fmt.Sprint(resp.StatusCode, ": ", string(b)))
	}
	return string(b), err
}
