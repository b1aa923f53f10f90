package main

import (
	"flag"
	"fmt"
	"image"
	"image/png"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/tools/txtar"

	"assay/bench/energy"
	"assay/bench/engine/ortlib"
	"assay/bench/host"
	"assay/bench/lock"
	"assay/bench/runner"
	"assay/models/data"
	"assay/models/zoo"
	"assay/reports/store/influxd"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata/script")

// roles are what this test binary does where a variable of that name is set.
var roles = map[string]func(){}

func TestMain(m *testing.M) {
	for name, role := range roles {
		if os.Getenv(name) != "" {
			role()
			return
		}
	}
	testscript.Main(m, map[string]func(){"assay": main})
}

// TestScript proves the command by scripts. $ZOO is the folder of models, [ort]
// tells whether ONNX Runtime's worker and library are there (make test builds
// the one and fetches the other), [meter] whether this device has an energy
// meter, [root] whether file systems can be mounted.
func TestScript(t *testing.T) {
	repo, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(repo, "bin")
	_, libErr := ortlib.Find()
	_, workerErr := os.Stat(filepath.Join(bin, "assay-ort"))
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: *update,
		Setup: func(e *testscript.Env) error {
			cache, err := os.UserCacheDir()
			if err != nil {
				return err
			}
			e.Setenv("ZOO", filepath.Join(repo, "models", "zoo"))
			e.Setenv("REPO", repo)
			hub, err := net.Listen("tcp", "127.0.0.1:0") // an address that nobody listens on
			if err != nil {
				return err
			}
			e.Setenv("HUB", hub.Addr().String())
			if err := hub.Close(); err != nil {
				return err
			}
			e.Setenv(lock.Variable, filepath.Join(e.WorkDir, "lock")) // scripts need not wait for each other
			e.Setenv("XDG_CACHE_HOME", cache)
			e.Setenv("XDG_DATA_HOME", filepath.Join(e.WorkDir, "data"))
			e.Setenv("PATH", e.Getenv("PATH")+string(os.PathListSeparator)+bin)
			return nil
		},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "ort":
				return libErr == nil && workerErr == nil, nil
			case "root":
				return os.Getuid() == 0 && exec.Command("mount", "--version").Run() == nil, nil
			case "meter":
				m, err := energy.Open(t.Context(), energy.Env{System: host.Here(), HTTP: &http.Client{}, Now: runner.Monotonic}, "")
				if err == nil {
					m.Close()
				}
				return err == nil, nil
			}
			return false, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"truncate": truncate, "damage": damage, "nightly": nightly, "hook": hook(t), "lines": lines, "images": images, "nights": nights, "influxd": influxCmd(t), "tree": tree, "eventually": eventually},
	})
}

// influxCmd is the command influxd: alone it starts a server, with the url
// in $INFLUX and user:password in the file token; with a statement of InfluxQL
// it runs it.
func influxCmd(t *testing.T) func(*testscript.TestScript, bool, []string) {
	var s *influxd.Server
	return func(ts *testscript.TestScript, _ bool, args []string) {
		if len(args) == 1 {
			s.Exec(args[0])
			return
		}
		s = influxd.Start(t)
		ts.Setenv("INFLUX", s.URL)
		ts.Check(os.WriteFile(ts.MkAbs("token"), []byte(s.Token+"\n"), 0o600))
	}
}

// truncate FILE SIZE cuts a copy of a file short, as a broken download does.
func truncate(ts *testscript.TestScript, _ bool, args []string) {
	b, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), b[:len(b)/2], 0o644))
}

// damage FILE writes over the last third of a file.
func damage(ts *testscript.TestScript, _ bool, args []string) {
	b, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	for i := len(b) / 5; i < len(b)/3; i++ { // rows and indexes; the list of tables is at both ends
		b[i] = 0xa5
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b, 0o644))
}

// images DIR N writes N images of the test set as PNG, a folder per class.
func images(ts *testscript.TestScript, _ bool, args []string) {
	card, err := zoo.Data("fashion-mnist")
	ts.Check(err)
	split := card.Splits["test"]
	all, err := data.Open(card.Format, zoo.FS(), split.Images, split.Labels)
	ts.Check(err)
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	for i := range n {
		s, err := all.At(i)
		ts.Check(err)
		dir := filepath.Join(ts.MkAbs(args[0]), fmt.Sprintf("class%d", s.Label))
		ts.Check(os.MkdirAll(dir, 0o755))
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("%04d.png", i)))
		ts.Check(err)
		ts.Check(png.Encode(f, &image.Gray{Pix: s.Input.Data, Stride: 28, Rect: image.Rect(0, 0, 28, 28)}))
		ts.Check(f.Close())
	}
}

// tree NAME DIR unpacks the recorded tree of a board.
func tree(ts *testscript.TestScript, _ bool, args []string) {
	a, err := txtar.ParseFile(filepath.Join(ts.Getenv("REPO"), "bench", "host", "testdata", args[0]+".txtar"))
	ts.Check(err)
	for _, f := range a.Files {
		path := filepath.Join(ts.MkAbs(args[1]), filepath.FromSlash(f.Name))
		ts.Check(os.MkdirAll(filepath.Dir(path), 0o755))
		ts.Check(os.WriteFile(path, f.Data, 0o644))
	}
}

// eventually FILE PATTERN COMMAND… repeats a command until its output, which
// goes to FILE, matches.
func eventually(ts *testscript.TestScript, _ bool, args []string) {
	want := regexp.MustCompile(args[1])
	for end := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
		err := ts.Exec(args[2], args[3:]...)
		out := ts.ReadFile("stdout")
		if err == nil && want.MatchString(out) {
			ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(out), 0o644))
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("after a minute %v: %v\n%s%s", args[2:], err, out, ts.ReadFile("stderr"))
		}
	}
}

// lines fails if a line of FILE is longer than 120 columns.
func lines(ts *testscript.TestScript, _ bool, args []string) {
	for l := range strings.Lines(ts.ReadFile(args[0])) {
		if n := len([]rune(strings.TrimRight(l, "\n"))); n > 120 {
			ts.Fatalf("%d columns: %s", n, l)
		}
	}
}
