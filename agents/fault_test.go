package agents_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"assay/agents"
	"assay/agents/agent"
	"assay/agents/hub"
	"assay/bench/lock"

	"github.com/nats-io/nats.go/jetstream"
)

// A child is a hub or an agent in a process of its own.
type child struct {
	env []string
	cmd *exec.Cmd
	log *safeBuffer
}

func (c *child) start(t *testing.T) {
	t.Helper()
	c.cmd = exec.Command(os.Args[0])
	c.cmd.Env = append(os.Environ(), c.env...)
	c.cmd.Stderr = c.log
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
}

func (c *child) kill(t *testing.T) {
	t.Helper()
	if err := c.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.cmd.Wait() // "signal: killed"
}

// A proxy is the network between agents and hub. While it is cut it takes
// nothing and gives nothing, and nobody is told, as when a cable is pulled.
type proxy struct {
	addr, to string
	mu       sync.Mutex
	cut      chan struct{} // closed when it is mended; nil while whole
	sent     int64         // bytes from agents
}

func newProxy(t *testing.T, to string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	p := &proxy{addr: l.Addr().String(), to: to}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(c)
		}
	}()
	return p
}

func (p *proxy) serve(c net.Conn) {
	defer c.Close()
	s, err := net.Dial("tcp", p.to)
	if err != nil {
		return
	}
	defer s.Close()
	go func() {
		p.copy(c, s, false)
		c.Close()
	}()
	p.copy(s, c, true)
}

func (p *proxy) copy(to, from net.Conn, up bool) {
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		p.mu.Lock()
		cut := p.cut
		if up {
			p.sent += int64(n)
		}
		p.mu.Unlock()
		if cut != nil {
			<-cut
			return // what was under way is gone
		}
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
}

func (p *proxy) set(cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if cut {
		p.cut = make(chan struct{})
	} else {
		close(p.cut)
		p.cut = nil
	}
}

func (p *proxy) bytes() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent
}

// A storm is a hub and agents in processes of their own, and what is done to
// them.
type storm struct {
	dir    string
	hub    *child
	agents []*child
	net    *proxy
	cl     *hub.Client
	rnd    *rand.Rand
}

func newStorm(t *testing.T, seed uint64) *storm {
	t.Helper()
	listen := address(t)
	s := &storm{dir: t.TempDir(), net: newProxy(t, listen), rnd: rand.New(rand.NewPCG(seed, 0))}
	s.hub = &child{log: &safeBuffer{}, env: []string{"FLEET_ROLE=hub", "FLEET_DIR=" + s.dir, "FLEET_LISTEN=" + listen, "FLEET_ADVERTISE=" + s.net.addr}}
	s.hub.start(t)
	t.Cleanup(func() { s.hub.kill(t) })
	until(t, "the hub listens", func() bool {
		var err error
		s.cl, err = hub.Dial(s.dir)
		return err == nil
	})
	t.Cleanup(s.cl.Close)
	for i, class := range []string{"pi", "pi", "orin", "orin"} {
		id, dir := fmt.Sprintf("a%d", i), t.TempDir()
		line, err := s.cl.Invite(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		j, err := agents.ParseJoin(line)
		if err == nil {
			err = agent.Join(t.Context(), dir, j, enrolment(id, class), nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		// Each agent is a machine of its own, and has a lock of its own.
		a := &child{log: &safeBuffer{}, env: []string{"FLEET_ROLE=agent", "FLEET_DIR=" + dir, "FLEET_ID=" + id, "FLEET_CLASS=" + class, lock.Variable + "=" + filepath.Join(dir, "lock")}}
		a.start(t)
		t.Cleanup(func() { a.kill(t) })
		s.agents = append(s.agents, a)
	}
	until(t, "4 agents are there", func() bool {
		all, err := s.cl.Fleet(t.Context())
		n := 0
		for _, m := range all {
			if m.Away == "" {
				n++
			}
		}
		return err == nil && n == 4
	})
	return s
}

// fault does one thing that must do no harm.
func (s *storm) fault(t *testing.T) string {
	t.Helper()
	time.Sleep(time.Duration(s.rnd.IntN(400)) * time.Millisecond)
	down := time.Duration(s.rnd.IntN(300)) * time.Millisecond
	switch n := s.rnd.IntN(7); {
	case n < 4:
		s.agents[n].kill(t)
		time.Sleep(down)
		s.agents[n].start(t)
		return "agent killed"
	case n < 6:
		s.hub.kill(t)
		time.Sleep(down)
		s.hub.start(t)
		return "hub killed"
	}
	s.net.set(true)
	time.Sleep(ackWait + down)
	s.net.set(false)
	return "network cut for longer than AckWait"
}

// TestStorm: whatever is killed or cut, every job ends with exactly one
// result, or with an explicit failure. ASSAY_FAULTS is how many faults, make
// storm has 60.
func TestStorm(t *testing.T) {
	faults, seed := 7, uint64(1)
	if v := os.Getenv("ASSAY_FAULTS"); v != "" {
		var err error
		if faults, err = strconv.Atoi(v); err != nil {
			t.Fatal(err)
		}
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d", seed)
	s := newStorm(t, seed)
	stop := make(chan struct{})
	ids := make(chan []string)
	go func() { // somebody who dispatches all the while
		var all []string
		for i := 0; ; i++ {
			id := fmt.Sprintf("d%d", i)
			o := agents.Order{ID: id, Lane: "nightly", Any: i%3 == 0, Expire: time.Hour, Job: agents.Job{Suite: "s", Document: "suites: {}"}}
			if _, err := s.cl.Dispatch(t.Context(), o); err != nil {
				t.Errorf("dispatch %s: %v", id, err)
			}
			all = append(all, id)
			select {
			case <-stop:
				ids <- all
				return
			case <-time.After(300 * time.Millisecond):
			}
		}
	}()
	count := map[string]int{}
	for range faults {
		count[s.fault(t)]++
	}
	close(stop)
	all := <-ids
	s.verify(t, all, count)
}

// verify counts what became of every job.
func (s *storm) verify(t *testing.T, dispatches []string, faults map[string]int) {
	t.Helper()
	kept := map[string][]string{}
	states := map[agents.State]int{}
	jobs := 0
	for _, id := range dispatches {
		for _, j := range await(t, s.cl, id) {
			jobs++
			states[j.State]++
			if len(kept) == 0 || len(kept[j.Target.Job]) == 0 {
				kept = files{filepath.Join(s.dir, "runs")}.kept(t)
			}
			runs := kept[j.Target.Job]
			switch j.State {
			case agents.Done:
				if len(runs) != 1 || runs[0] != j.Outcome.Run {
					t.Errorf("job %s has outcome run %s, kept are %v", j.Target.Job, j.Outcome.Run, runs)
				}
			case agents.Failed:
				if !strings.Contains(j.Outcome.Reason, "never survived it") || len(runs) != 0 {
					t.Errorf("job %s failed: %s, kept are %v", j.Target.Job, j.Outcome.Reason, runs)
				}
			case agents.Missing: // Stale is a minute: all that are dead come back before
				t.Errorf("job %s is missing", j.Target.Job)
			default:
				t.Errorf("job %s is %s", j.Target.Job, j.State)
			}
		}
	}
	if total := len(files{filepath.Join(s.dir, "runs")}.kept(t)); total != states[agents.Done] {
		t.Errorf("%d runs are kept, %d jobs are done", total, states[agents.Done])
	}
	until(t, "every agent is idle, none is stuck", func() bool {
		all, err := s.cl.Fleet(t.Context())
		idle := 0
		for _, m := range all {
			if m.Away == "" && m.Job == "" {
				idle++
			}
		}
		return err == nil && idle == 4
	})
	t.Logf("%v: %d jobs, %v", faults, jobs, states)
	if t.Failed() {
		for i, a := range append([]*child{s.hub}, s.agents...) {
			t.Logf("log of %d (0 is the hub):\n%s", i, a.log)
		}
	}
}

// TestStoredNotAcknowledged: a job whose result is stored is not run again
// when its agent dies before it says so.
func TestStoredNotAcknowledged(t *testing.T) {
	f := newFleet(t)
	dir := f.join(t, "a", "pi")
	cfg := agentConfig(dir, "a", "pi", slog.LevelWarn)
	cfg.Bench = fake{id: "a", run: func(context.Context, agent.Task) error {
		t.Error("the job runs again")
		return nil
	}}
	stop := f.run(t, cfg)
	f.here(t, 1)
	stop()
	f.order(t, "d", "", false)
	nc, err := stolen(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	c, err := js.Consumer(t.Context(), agents.Jobs, agents.Queue{Lane: "nightly", Kind: "device", Name: "a"}.Consumer())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Next(jetstream.FetchMaxWait(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	r, err := json.Marshal(record{Run: "r", Job: "d-1", Device: "a"})
	if err != nil {
		t.Fatal(err)
	}
	o := agents.Outcome{Job: "d-1", State: agents.Done, Run: "r", Result: r}
	b, err := o.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), agents.Result("a", "d-1"), b); err != nil {
		t.Fatal(err)
	}
	if s := f.ends(t, "d"); s[0].State != agents.Done || s[0].Outcome.Run != "r" {
		t.Fatalf("the job is %s, run %s", s[0].State, s[0].Outcome.Run)
	}
	nc.Close()
	if nc, err = stolen(t, dir); err != nil {
		t.Fatal(err)
	}
	if js, err = jetstream.New(nc); err != nil {
		t.Fatal(err)
	}
	if c, err = js.Consumer(t.Context(), agents.Jobs, agents.Queue{Lane: "nightly", Kind: "device", Name: "a"}.Consumer()); err != nil {
		t.Fatal(err)
	}
	if i := c.CachedInfo(); i.NumAckPending != 1 {
		t.Fatalf("%d jobs are out before the agent is back, want the one", i.NumAckPending)
	}
	f.run(t, cfg)
	until(t, "the queue is empty", func() bool {
		i, err := c.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return i.NumAckPending == 0 && i.NumPending == 0
	})
}

// TestDeadly: a job that kills its agent each time ends as failed.
func TestDeadly(t *testing.T) {
	f := newFleet(t)
	dir := f.join(t, "a", "pi")
	c := &child{log: &safeBuffer{}, env: []string{"FLEET_ROLE=agent", "FLEET_DIR=" + dir, "FLEET_ID=a", "FLEET_CLASS=pi", "FLEET_DEADLY=1"}}
	stop := f.run(t, agentConfig(dir, "a", "pi", slog.LevelWarn))
	f.here(t, 1)
	stop()
	f.order(t, "d", "", false)
	for range 5 {
		c.start(t)
		if err := c.cmd.Wait(); err == nil || err.Error() != "exit status 9" {
			t.Fatalf("the agent ends with %v, want it dead by the job:\n%s", err, c.log)
		}
	}
	c.start(t)
	defer c.kill(t)
	if s := f.ends(t, "d"); s[0].State != agents.Failed || s[0].Outcome.Reason != "it was begun 5 times, and the agent never survived it" {
		t.Errorf("the job is %s: %s", s[0].State, s[0].Outcome.Reason)
	}
}

// TestDiskFull: an outcome that the device cannot keep is sent all the same.
func TestDiskFull(t *testing.T) {
	f := newFleet(t)
	dir := f.join(t, "a", "pi")
	cfg := agentConfig(dir, "a", "pi", slog.LevelError+1)
	cfg.Bench = fake{id: "a", run: func(context.Context, agent.Task) error {
		return os.RemoveAll(filepath.Join(dir, "outbox")) // no file can be written there any more
	}}
	f.run(t, cfg)
	f.here(t, 1)
	for _, id := range []string{"d", "e"} {
		f.order(t, id, "", false)
		if s := f.ends(t, id); s[0].State != agents.Done {
			t.Errorf("%s is %s: %s", id, s[0].State, s[0].Outcome.Reason)
		}
	}
}

// TestUnreadable: an outcome that the hub cannot read ends the job, so that
// its agent does not wait for ever.
func TestUnreadable(t *testing.T) {
	f := newFleet(t)
	dir := f.join(t, "a", "pi")
	stop := f.run(t, agentConfig(dir, "a", "pi", slog.LevelWarn))
	f.here(t, 1)
	stop()
	nc, err := stolen(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	for id, b := range map[string]string{"x": "nonsense", "y": `{"job":"z","state":"done"}` + "\n", "z": `{"job":"z-1","state":"done"}` + "\n" + "no result"} {
		f.order(t, id, "", false)
		if _, err := js.Publish(t.Context(), agents.Result("a", id+"-1"), []byte(b)); err != nil {
			t.Fatal(err)
		}
		if s := f.ends(t, id); s[0].State != agents.Failed || s[0].Outcome.Reason == "" {
			t.Errorf("%q: %s %s", b, s[0].State, s[0].Outcome.Reason)
		}
	}
}

// TestResumes: an agent that is told to stop in mid-job gives the job back and
// runs it when it is there again, at once.
func TestResumes(t *testing.T) {
	f := newFleet(t)
	dir := f.join(t, "a", "pi")
	begun := make(chan bool)
	cfg := agentConfig(dir, "a", "pi", slog.LevelWarn)
	cfg.Bench = fake{id: "a", run: func(ctx context.Context, _ agent.Task) error {
		close(begun)
		<-ctx.Done()
		return ctx.Err()
	}}
	stop := f.run(t, cfg)
	f.here(t, 1)
	f.order(t, "d", "", false)
	<-begun
	stop()
	f.run(t, agentConfig(dir, "a", "pi", slog.LevelWarn))
	if s := f.ends(t, "d"); s[0].State != agents.Done {
		t.Errorf("the job is %s", s[0].State)
	}
}
