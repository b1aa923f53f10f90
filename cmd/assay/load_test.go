package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"assay/agents"
	"assay/agents/agent"
	"assay/agents/hub"
	"assay/bench/host"
	"assay/reports/render"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"
)

// How large BenchmarkLoad is; make load has the sizes that docs/fleet.md reports.
var (
	loadAgents = flag.Int("load.agents", 50, "simulated agents of BenchmarkLoad")
	loadJobs   = flag.Int("load.jobs", 500, "jobs of BenchmarkLoad")
	loadTime   = flag.Duration("load.time", 5*time.Minute, "how long BenchmarkLoad takes jobs at most")
)

// BenchmarkLoad takes jobs through a hub as it is used, in a process of its
// own, with its store in SQLite and every plan, result and outcome on the disk
// before it is confirmed. The agents are in this process: connections by TLS
// that say what an agent says of each job, with a result of one case. It reports
// jobs per second, the hub's largest memory, and the CPU time that a job took it.
func BenchmarkLoad(b *testing.B) {
	l := newLoad(b, *loadAgents)
	rounds := (*loadJobs + *loadAgents - 1) / *loadAgents
	before := l.hubCPU(b)
	for b.Loop() { // -benchtime 1x: one is long enough
		ctx, cancel := context.WithTimeout(b.Context(), *loadTime)
		l.ended.Store(0)
		b.ResetTimer()
		for i := 0; i < rounds && ctx.Err() == nil; i++ {
			l.dispatch(b, fmt.Sprintf("d%d", i))
		}
		for l.ended.Load() < int64(rounds**loadAgents) && ctx.Err() == nil {
			time.Sleep(10 * time.Millisecond)
		}
		cancel()
	}
	jobs, cpu := float64(l.ended.Load()), l.hubCPU(b)-before
	b.ReportMetric(jobs, "jobs")
	b.ReportMetric(jobs/b.Elapsed().Seconds(), "jobs/s")
	b.ReportMetric(l.hubMemory(b), "MB-of-hub")
	b.ReportMetric(cpu.Seconds()*1e3/jobs, "cpu-ms/job")
	l.verify(b, rounds)
}

// verify finds every job that was confirmed done, and none that ended otherwise.
func (l *load) verify(b *testing.B, rounds int) {
	b.Helper()
	done := int64(0)
	confirmed := l.ended.Load()
	for i := range rounds {
		all, err := l.cl.Status(b.Context(), fmt.Sprintf("d%d", i))
		if err != nil && done >= confirmed {
			return // it was not dispatched before the time was over
		}
		if err != nil {
			b.Fatal(err)
		}
		for _, s := range all {
			if s.Outcome != nil && s.State != agents.Done {
				b.Fatalf("job %s is %s: %s", s.Target.Job, s.State, s.Outcome.Reason)
			}
			if s.Outcome != nil {
				done++
			}
		}
	}
	if done < confirmed {
		b.Fatalf("%d jobs were confirmed, %d are done", confirmed, done)
	}
}

func init() { roles["ASSAY_LOAD_HUB"] = main }

// A load is a hub and those who speak for its agents.
type load struct {
	cl    *hub.Client
	pid   int
	ended atomic.Int64
}

func newLoad(b *testing.B, n int) *load {
	b.Helper()
	ctx := b.Context()
	dir := b.TempDir()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	at := listener.Addr().String()
	listener.Close()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	c := exec.Command(self, "hub", "--quiet", "--data", dir, "--listen", at)
	c.Env = append(os.Environ(), "ASSAY_LOAD_HUB=1")
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	l := &load{pid: c.Process.Pid}
	for l.cl, err = hub.Dial(dir); err != nil; l.cl, err = hub.Dial(dir) {
		if ctx.Err() != nil {
			b.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	b.Cleanup(l.cl.Close)
	for i := range n {
		s, err := newSpeaker(ctx, b.TempDir(), i, l)
		if err != nil {
			b.Fatal(err)
		}
		go s.run(ctx)
	}
	for {
		all, err := l.cl.Fleet(ctx)
		if err != nil {
			b.Fatal(err)
		}
		there := 0
		for _, m := range all {
			if m.Away == "" {
				there++
			}
		}
		if there == n {
			return l
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (l *load) dispatch(b *testing.B, id string) {
	b.Helper()
	_, err := l.cl.Dispatch(b.Context(), agents.Order{ID: id, Lane: "nightly", Expire: time.Hour, Job: agents.Job{Suite: "s", Document: "suites: {}"}})
	if err != nil {
		b.Fatal(err)
	}
}

// A speaker says what an agent says, and measures nothing.
type speaker struct {
	id     string
	nc     *nats.Conn
	js     jetstream.JetStream
	queues []jetstream.Consumer
	woken  chan string
	zip    *gzip.Writer
	number int
	runs   int
	load   *load
}

func newSpeaker(ctx context.Context, dir string, number int, l *load) (*speaker, error) {
	id := fmt.Sprintf("a%d", number)
	line, err := l.cl.Invite(ctx)
	if err != nil {
		return nil, err
	}
	j, err := agents.ParseJoin(line)
	if err != nil {
		return nil, err
	}
	e := agents.Enrolment{Device: host.Device{ID: id, Class: "pi"}, Labels: map[string]string{"class": "pi"}}
	if err := agent.Join(ctx, dir, j, e, nil); err != nil {
		return nil, err
	}
	self, err := agent.ReadSelf(dir)
	if err != nil {
		return nil, err
	}
	pair, err := nkeys.FromSeed([]byte(self.Seed))
	if err != nil {
		return nil, err
	}
	pub, err := pair.PublicKey()
	if err != nil {
		return nil, err
	}
	s := &speaker{id: id, number: number, woken: make(chan string, 1000), load: l}
	if s.zip, err = gzip.NewWriterLevel(nil, gzip.NoCompression); err != nil {
		return nil, err
	}
	if s.nc, err = nats.Connect("tls://"+self.Hub.Host, nats.Secure(self.Hub.TLS()), nats.Nkey(pub, pair.Sign), nats.CustomInboxPrefix(agents.Inbox(id))); err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, s.nc.Close)
	if s.js, err = jetstream.New(s.nc); err != nil {
		return nil, err
	}
	if _, err := s.nc.Subscribe(agents.Wake(id), func(m *nats.Msg) { s.woken <- string(m.Data) }); err != nil {
		return nil, err
	}
	for _, q := range agents.Queues(id, "pi") {
		c, err := s.js.Consumer(ctx, agents.Jobs, q.Consumer())
		if err != nil {
			return nil, err
		}
		s.queues = append(s.queues, c)
	}
	beat, err := json.Marshal(agents.Beat{Labels: e.Labels, Device: e.Device})
	if err != nil {
		return nil, err
	}
	return s, s.nc.Publish("$KV."+agents.States+"."+id, beat)
}

// run takes jobs until ctx is done.
func (s *speaker) run(ctx context.Context) {
	for ctx.Err() == nil {
		if m := s.next(); m != nil {
			if err := s.job(ctx, m); err != nil && ctx.Err() == nil {
				fmt.Fprintf(os.Stderr, "%s: %v\n", s.id, err)
			}
			continue
		}
		select {
		case <-s.woken:
		case <-time.After(10 * time.Second):
		case <-ctx.Done():
		}
	}
}

// next looks into the queues in the order of an agent.
func (s *speaker) next() jetstream.Msg {
	for _, q := range s.queues {
		b, err := q.FetchNoWait(1)
		if err != nil {
			return nil
		}
		for m := range b.Messages() {
			return m
		}
	}
	return nil
}

// job asks whether a job is wanted, sends a result, and waits until the hub has
// kept it.
func (s *speaker) job(ctx context.Context, m jetstream.Msg) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	id := m.Subject()[strings.LastIndexByte(m.Subject(), '.')+1:]
	q, err := json.Marshal(agents.JobQuery{Job: id})
	if err != nil {
		return err
	}
	if _, err := s.nc.RequestWithContext(ctx, agents.Request(s.id, agents.Check), q); err != nil {
		return err
	}
	packed, err := s.pack()
	if err != nil {
		return err
	}
	o := agents.Outcome{Job: id, State: agents.Done, Result: packed}
	raw, err := o.Encode()
	if err != nil {
		return err
	}
	if _, err := s.js.Publish(ctx, agents.Result(s.id, id), raw, jetstream.WithMsgID(id+"."+s.id)); err != nil {
		return err
	}
	for kept := ""; kept != id; {
		select {
		case kept = <-s.woken:
		case <-ctx.Done():
			return fmt.Errorf("job %s is not confirmed", id)
		}
	}
	s.load.ended.Add(1)
	return nil
}

// pack returns the next result, packed at the least cost: an agent's CPU is not
// the hub's.
func (s *speaker) pack() ([]byte, error) {
	s.runs++
	text, err := render.Marshal(measuredBy(s.id, fmt.Sprintf("%08x%08x", s.number, s.runs), 10))
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	s.zip.Reset(&b)
	_, err = s.zip.Write(text)
	err = errors.Join(err, s.zip.Close())
	return b.Bytes(), err
}

// hubMemory is the largest memory that the hub has taken, in MB.
func (l *load) hubMemory(b *testing.B) float64 {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", l.pid))
	if err != nil {
		b.Skip("no /proc")
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	var kb float64
	if _, err := fmt.Sscan(rest, &kb); err != nil {
		b.Fatal(err)
	}
	return kb / 1024
}

// hubCPU is the CPU time that the hub has taken.
func (l *load) hubCPU(b *testing.B) time.Duration {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", l.pid))
	if err != nil {
		b.Skip("no /proc")
	}
	f := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	var user, system int64
	if _, err := fmt.Sscan(f[11]+" "+f[12], &user, &system); err != nil {
		b.Fatal(err)
	}
	return time.Duration(user+system) * 10 * time.Millisecond // of 100 Hz, as proc(5) has it
}
