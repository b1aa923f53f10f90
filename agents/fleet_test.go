package agents_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"assay/agents"
	"assay/agents/agent"
	"assay/agents/hub"
	"assay/bench"
	"assay/bench/host"
	"assay/bench/lock"
)

// TestMain lets this program be a hub or an agent, to be killed by a test.
func TestMain(m *testing.M) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	var err error
	switch os.Getenv("FLEET_ROLE") {
	case "":
		os.Exit(m.Run())
	case "hub":
		err = serveHub(ctx)
	case "nats":
		err = serveNATS()
	case "agent":
		err = agent.Run(ctx, agentConfig(os.Getenv("FLEET_DIR"), os.Getenv("FLEET_ID"), os.Getenv("FLEET_CLASS"), slog.LevelInfo))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serveHub(ctx context.Context) error {
	cfg := hubConfig(os.Getenv("FLEET_DIR"), os.Getenv("FLEET_LISTEN"), os.Getenv("FLEET_ADVERTISE"), os.Stderr)
	cfg.Cluster = clusterOf(os.Getenv("FLEET_NATS"), os.Getenv("FLEET_CREDS"))
	h, err := hub.Start(ctx, cfg)
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case <-h.Gone():
		err = errors.New("another hub has taken the cluster")
	}
	h.Close()
	return err
}

// ackWait is short, so that a connection can be cut for longer in a test.
const ackWait = 2 * time.Second

func hubConfig(dir, listen, advertise string, log io.Writer) hub.Config {
	return hub.Config{
		Dir: dir, Listen: listen, Advertise: advertise, Keeper: files{filepath.Join(dir, "runs")}, AckWait: ackWait, Stale: time.Minute,
		Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
}

func device(id, class string) host.Device {
	return host.Device{ID: id, Name: "board-" + id, Class: class, Arch: "arm64", OS: "linux"}
}

func agentConfig(dir, id, class string, level slog.Level) agent.Config {
	return agent.Config{
		Dir: dir, Bench: fake{id: id}, Device: device(id, class), Labels: map[string]string{"class": class, "arch": "arm64"},
		Observe: func() host.Condition { return host.Condition{At: time.Now()} }, Version: "test", Every: 500 * time.Millisecond,
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})),
	}
}

// record is what the fake bench calls a result.
type record struct {
	Run, Job, Device string
}

// fake measures nothing for a while, or what a test wants.
type fake struct {
	id  string
	run func(ctx context.Context, t agent.Task) error
}

func (f fake) Run(ctx context.Context, t agent.Task) (string, []byte, error) {
	if f.run != nil {
		if err := f.run(ctx, t); err != nil {
			return "", nil, err
		}
	} else {
		if os.Getenv("FLEET_DEADLY") != "" {
			os.Exit(9)
		}
		t.Progress(bench.Step{Phase: "timing", Group: "nothing", Done: 0.5})
		select {
		case <-ctx.Done():
			return "", nil, ctx.Err()
		case <-time.After(time.Duration(50+rand.IntN(300)) * time.Millisecond):
		}
	}
	r := record{Run: fmt.Sprintf("%016x", rand.Uint64()), Job: t.ID, Device: f.id}
	b, err := json.Marshal(r)
	return r.Run, b, err
}

// files is a keeper of one file for each run.
type files struct{ dir string }

func (f files) Keep(_ context.Context, all []hub.Sent) []hub.Kept {
	kept := make([]hub.Kept, len(all))
	for i, s := range all {
		var r record
		if err := json.Unmarshal(s.Packed, &r); err != nil || r.Device != s.Device {
			kept[i].Err = fmt.Errorf("%w of %s: %v", hub.ErrBad, s.Device, err)
			continue
		}
		if kept[i].Err = os.MkdirAll(f.dir, 0o755); kept[i].Err == nil {
			kept[i] = hub.Kept{Run: r.Run, Err: agents.WriteFile(filepath.Join(f.dir, r.Run), s.Packed)}
		}
	}
	return kept
}

func (f files) Packed(_ context.Context, run string) ([]byte, error) {
	return os.ReadFile(filepath.Join(f.dir, filepath.Base(run)))
}

// kept returns the runs that are kept, by job.
func (f files) kept(t testing.TB) map[string][]string {
	t.Helper()
	all, err := os.ReadDir(f.dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	out := map[string][]string{}
	for _, e := range all {
		b, err := os.ReadFile(filepath.Join(f.dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(e.Name(), ".") {
			continue // a hub was killed while it wrote
		}
		var r record
		if err := json.Unmarshal(b, &r); err != nil {
			t.Fatal(err)
		}
		out[r.Job] = append(out[r.Job], r.Run)
	}
	return out
}

// address returns an address on loopback that nobody listens on.
func address(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// A fleet is a hub in this process, and its administrator.
type fleet struct {
	*hub.Hub
	cfg hub.Config
	cl  *hub.Client
	log *safeBuffer
}

func newFleet(t testing.TB) *fleet {
	t.Helper()
	t.Setenv(lock.Variable, filepath.Join(t.TempDir(), "lock"))
	f := &fleet{log: &safeBuffer{}}
	f.cfg = hubConfig(t.TempDir(), address(t), "", f.log)
	f.start(t)
	return f
}

func (f *fleet) start(t testing.TB) {
	t.Helper()
	h, err := hub.Start(t.Context(), f.cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	f.Hub = h
	if f.cl, err = hub.Dial(f.cfg.Dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.cl.Close)
}

// join enrols a device and returns its folder.
func (f *fleet) join(t testing.TB, id, class string) string {
	t.Helper()
	j, err := f.Invite(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := agent.Join(t.Context(), dir, j, enrolment(id, class), nil); err != nil {
		t.Fatal(err)
	}
	return dir
}

func enrolment(id, class string) agents.Enrolment {
	return agents.Enrolment{Device: device(id, class), Labels: map[string]string{"class": class, "arch": "arm64"}, Version: "test"}
}

// run starts an agent in this process and returns what stops it.
func (f *fleet) run(t testing.TB, cfg agent.Config) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- agent.Run(ctx, cfg) }()
	var once atomic.Bool
	stop = func() {
		cancel()
		if once.CompareAndSwap(false, true) {
			if err := <-done; err != nil {
				t.Errorf("agent: %v", err)
			}
		}
	}
	t.Cleanup(stop)
	return stop
}

// here waits until the hub has seen n devices.
func (f *fleet) here(t testing.TB, n int) {
	t.Helper()
	until(t, fmt.Sprintf("%d devices are there", n), func() bool {
		all, err := f.cl.Fleet(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		there := 0
		for _, m := range all {
			if m.Away == "" {
				there++
			}
		}
		return there == n
	})
}

// order gives the devices that match a job that the fake bench takes.
func (f *fleet) order(t testing.TB, id, to string, anyOne bool, files ...agents.ModelFile) agents.Plan {
	t.Helper()
	p, err := f.cl.Dispatch(t.Context(), agents.Order{ID: id, Lane: "nightly", To: to, Any: anyOne, Expire: time.Hour, Job: agents.Job{Suite: "s", Document: "suites: {}", Files: files}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// ends waits for the end of a dispatch and returns how it ended.
func (f *fleet) ends(t testing.TB, id string) []hub.JobStatus {
	t.Helper()
	return await(t, f.cl, id)
}

func await(t testing.TB, cl *hub.Client, id string) []hub.JobStatus {
	t.Helper()
	var all []hub.JobStatus
	until(t, "dispatch "+id+" ends", func() bool {
		var err error
		if all, err = cl.Status(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		for _, s := range all {
			if s.Outcome == nil {
				return false
			}
		}
		return true
	})
	return all
}

// until waits for what must become true; the time is for a machine that is
// busy with all else, and ends tests that hang.
func until(t testing.TB, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !f(); {
		if time.Now().After(end) {
			t.Fatalf("waited 2 minutes until %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
