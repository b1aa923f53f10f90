package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// A report is what became of each try of a confined process, "" where nothing
// stood in its way.
type report map[string]string

// TestMain makes this test binary the confined process where SANDBOX_TRY holds
// what it shall try.
func TestMain(m *testing.M) {
	var q map[string][2]string
	if err := json.Unmarshal([]byte(os.Getenv("SANDBOX_TRY")), &q); err != nil {
		os.Exit(m.Run())
	}
	r := report{}
	for name, c := range q {
		if err := try(c[0], c[1]); err != nil {
			r[name] = "failed"
			if errors.Is(err, fs.ErrPermission) {
				r[name] = "refused"
			}
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(r); err != nil {
		os.Exit(1)
	}
}

func try(what, where string) error {
	var err error
	switch what {
	case "read":
		_, err = os.ReadFile(where)
	case "follow":
		_, err = os.Readlink(where)
	case "list":
		_, err = os.ReadDir(where)
	case "write":
		err = os.WriteFile(where, []byte("x"), 0o600)
	case "start":
		err = exec.Command(where).Run()
	default: // a network
		var c net.Conn
		if c, err = net.DialTimeout(what, where, time.Second); err == nil {
			if _, err = c.Write([]byte("x")); err == nil {
				err = c.Close()
			}
		}
	}
	return err
}

// confined starts this test binary from a thread that s restricts.
func confined(t *testing.T, s Sandbox, q map[string][2]string) report {
	t.Helper()
	ask, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "SANDBOX_TRY="+string(ask))
	cmd.Stderr = os.Stderr
	var out []byte
	ended := make(chan struct{})
	defer close(ended)
	err = s.Do(func() (err error) { out, err = cmd.Output(); return }, ended)
	if err != nil {
		t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("%v: %q", err, out)
	}
	return r
}

// TestDo: a confined process sees what it may and nothing else; this one
// still sees everything.
func TestDo(t *testing.T) {
	have := Here()
	t.Logf("this system refuses: %v %s", have, have.Why)
	if !have.Any() {
		if err := (Sandbox{}).Do(nil, nil); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("nothing can be refused, and Do says %v", err)
		}
		t.Skip("this system can refuse nothing")
	}
	dir := t.TempDir()
	mine, other := filepath.Join(dir, "mine"), filepath.Join(dir, "other")
	for _, p := range []string{filepath.Join(mine, "model"), filepath.Join(mine, "lib", "x.so"), other} {
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte("content"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	u, err := net.Listen("unix", filepath.Join(mine, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	files, network := "", ""
	if have.Files > 0 {
		files = "refused"
	}
	if have.Network {
		network = "refused"
	}
	tries := map[string]struct{ what, where, want string }{
		"its model":         {"read", filepath.Join(mine, "model"), ""},
		"below its folder":  {"read", filepath.Join(mine, "lib", "x.so"), ""},
		"the system's":      {"read", "/proc/cpuinfo", ""},
		"a program":         {"start", "/bin/true", ""},
		"another file":      {"read", other, files},
		"another folder":    {"list", dir, files},
		"by another path":   {"read", filepath.Join(mine, "..", "other"), files},
		"accounts":          {"read", "/etc/passwd", files},
		"its starter's":     {"follow", fmt.Sprintf("/proc/%d/exe", os.Getpid()), files},
		"writing beside it": {"write", filepath.Join(mine, "new"), files},
		"writing over it":   {"write", filepath.Join(mine, "model"), files},
		"writing elsewhere": {"write", filepath.Join(dir, "new"), files},
		"tcp":               {"tcp", l.Addr().String(), network},
		"udp":               {"udp", l.Addr().String(), network},
		"unix":              {"unix", u.Addr().String(), network},
	}
	q := map[string][2]string{}
	for name, c := range tries {
		q[name] = [2]string{c.what, c.where}
	}
	got := confined(t, Sandbox{Read: []string{mine, os.Args[0]}}, q)
	for name, c := range tries {
		if got[name] != c.want {
			t.Errorf("%s: %s %s: %q, want %q", name, c.what, c.where, got[name], c.want)
		}
	}
	for _, c := range []string{"another file", "tcp"} {
		if err := try(q[c][0], q[c][1]); err != nil {
			t.Errorf("%s is kept from this process too: %v", c, err)
		}
	}
}

// TestAbsent: what shall be seen and is not there is an error, since a
// worker would look for it in vain.
func TestAbsent(t *testing.T) {
	if Here().Files == 0 {
		t.Skip(Here().Why)
	}
	f := func() error { t.Error("f is called"); return nil }
	if err := (Sandbox{Read: []string{"/no/such/model"}}).Do(f, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v, want that the model is not there", err)
	}
}

func TestSupport(t *testing.T) {
	for want, s := range map[string]Support{
		"none": {}, "files": {Files: 1}, "network": {Network: true}, "files, network": {Files: 7, Network: true},
	} {
		if got := s.String(); got != want {
			t.Errorf("%+v is %q, want %q", s, got, want)
		}
	}
}
