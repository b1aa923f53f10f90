package agents_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"assay/agents"

	"github.com/nats-io/nats.go/jetstream"
)

// BenchmarkJobs takes one job of each of 100 devices through queue, result,
// store and outcome; agents are connections that say what an agent says. It
// reports jobs per second with every write on the disk, and the memory of hub
// and agents together.
func BenchmarkJobs(b *testing.B) {
	const devices = 100
	f := newFleet(b)
	conns := make([]jetstream.JetStream, devices)
	for i := range conns {
		nc, err := stolen(b, f.join(b, fmt.Sprintf("a%d", i), "pi"))
		if err != nil {
			b.Fatal(err)
		}
		if conns[i], err = jetstream.New(nc); err != nil {
			b.Fatal(err)
		}
		beat, err := json.Marshal(agents.Beat{Labels: map[string]string{"class": "pi"}})
		if err == nil {
			err = nc.Publish("$KV."+agents.States+fmt.Sprintf(".a%d", i), beat)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	f.here(b, devices)
	for n := 0; b.Loop(); n++ {
		f.order(b, fmt.Sprintf("d%d", n), "", false)
		var all sync.WaitGroup
		for i, js := range conns {
			all.Go(func() {
				if err := oneJob(b, js, fmt.Sprintf("a%d", i)); err != nil {
					b.Error(err)
				}
			})
		}
		all.Wait()
		f.ends(b, fmt.Sprintf("d%d", n))
	}
	b.ReportMetric(float64(devices*b.N)/b.Elapsed().Seconds(), "jobs/s")
	b.ReportMetric(resident(b), "MB")
}

// oneJob takes a job and sends its result.
func oneJob(b *testing.B, js jetstream.JetStream, id string) error {
	c, err := js.Consumer(b.Context(), agents.Jobs, agents.Queue{Lane: "nightly", Kind: "device", Name: id}.Consumer())
	if err != nil {
		return err
	}
	m, err := c.Next(jetstream.FetchMaxWait(time.Minute))
	if err != nil {
		return err
	}
	job := m.Subject()[strings.LastIndexByte(m.Subject(), '.')+1:]
	r, err := json.Marshal(record{Run: job, Job: job, Device: id})
	if err != nil {
		return err
	}
	o := agents.Outcome{Job: job, State: agents.Done, Run: job, Result: r}
	raw, err := o.Encode()
	if err != nil {
		return err
	}
	if _, err := js.Publish(b.Context(), agents.Result(id, job), raw); err != nil {
		return err
	}
	return m.Ack()
}

// resident is the memory of this process in MB.
func resident(b *testing.B) float64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Skip("no /proc")
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	var kb float64
	if _, err := fmt.Sscan(rest, &kb); err != nil {
		b.Fatal(err)
	}
	return kb / 1024
}
