package agents_test

import (
	"errors"
	"fmt"
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
)

// A child is a hub or an agent in a process of its own.
type child struct {
	env []string
	cmd *exec.Cmd
	log *safeBuffer
	dir string // of an agent
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
	if err := c.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
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
	team   *team // nil where the hub has its own JetStream
	rnd    *rand.Rand
}

// newStorm starts a hub and four agents; with a team, the hub's queues are in
// its cluster.
func newStorm(t *testing.T, seed uint64, tm *team) *storm {
	t.Helper()
	listen := address(t)
	s := &storm{dir: t.TempDir(), net: newProxy(t, listen), rnd: rand.New(rand.NewPCG(seed, 0))}
	s.hub = &child{log: &safeBuffer{}, env: []string{"FLEET_ROLE=hub", "FLEET_DIR=" + s.dir, "FLEET_LISTEN=" + listen, "FLEET_ADVERTISE=" + s.net.addr}}
	if tm != nil {
		s.team = tm
		s.hub.env = append(s.hub.env, "FLEET_NATS="+tm.leafs, "FLEET_CREDS="+tm.creds)
	}
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
		a := &child{dir: dir, log: &safeBuffer{}, env: []string{"FLEET_ROLE=agent", "FLEET_DIR=" + dir, "FLEET_ID=" + id, "FLEET_CLASS=" + class, lock.Variable + "=" + filepath.Join(dir, "lock")}}
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
	kinds := 8
	if s.team != nil {
		kinds = 12
	}
	switch n := s.rnd.IntN(kinds); {
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
	case n < 7:
		s.net.set(true)
		time.Sleep(ackWait + down)
		s.net.set(false)
		return "network cut for longer than AckWait"
	case n < 8:
		return s.fill(t, s.agents[s.rnd.IntN(len(s.agents))], time.Second+down)
	}
	c := s.team.servers[s.rnd.IntN(len(s.team.servers))]
	c.kill(t)
	time.Sleep(time.Second + down)
	c.start(t)
	time.Sleep(2 * time.Second) // one at a time: a cluster of three bears one
	return "server of the cluster killed"
}

// blow does faults to a fleet while somebody dispatches, and counts what became
// of the jobs.
func (s *storm) blow(t *testing.T, faults int) {
	t.Helper()
	stop := make(chan struct{})
	ids := make(chan []string)
	go func() {
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

// faults is how many there are to be: ASSAY_FAULTS, and at random then; make
// faults has 60.
func faults(t *testing.T) (n int, seed uint64) {
	t.Helper()
	n, seed = 7, 1
	if v := os.Getenv("ASSAY_FAULTS"); v != "" {
		var err error
		if n, err = strconv.Atoi(v); err != nil {
			t.Fatal(err)
		}
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d", seed)
	return n, seed
}

// TestStorm: whatever is killed, cut or full, every job ends with exactly one
// result, or with an explicit failure.
func TestStorm(t *testing.T) {
	n, seed := faults(t)
	newStorm(t, seed, nil).blow(t, n)
}

// TestStormCluster: the same beside a cluster, whose servers are killed too.
// TestCluster is its short form.
func TestStormCluster(t *testing.T) {
	if os.Getenv("ASSAY_FAULTS") == "" {
		t.Skip("make faults runs it")
	}
	n, seed := faults(t)
	newStorm(t, seed, newTeam(t)).blow(t, n)
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
