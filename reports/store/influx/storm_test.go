package influx_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"assay/bench"
	"assay/reports"
	"assay/reports/internal/example"
	"assay/reports/store"
	"assay/reports/store/influx"
	"assay/reports/store/outbox"
)

// small is a run of a few points; all of them begin in the same nanosecond.
func small(id string) *bench.Result {
	r := example.Result()
	r.Run, r.Groups = id, r.Groups[:1]
	g := &r.Groups[0]
	g.Cases = g.Cases[:2]
	for i := range g.Cases {
		g.Cases[i].Samples, g.Cases[i].Values = nil, g.Cases[i].Values[:4]
	}
	return r
}

// TestStormChild is the process that is killed, not a test of its own: it
// keeps a run, says so, pushes, and begins again.
func TestStormChild(t *testing.T) {
	path := os.Getenv("ASSAY_TEST_STORM")
	if path == "" {
		t.Skip("runs only as a child of TestStorm")
	}
	db, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	db.ForwardWith(influx.Lines)
	c, err := influx.New(influx.Settings{URL: os.Getenv("ASSAY_TEST_URL"), Token: os.Getenv("ASSAY_TEST_TOKEN"), Org: os.Getenv("ASSAY_TEST_ORG"), Bucket: os.Getenv("ASSAY_TEST_BUCKET")})
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; ; i++ {
		id := fmt.Sprintf("%s-%d", os.Getenv("ASSAY_TEST_NAME"), i)
		if err := db.Put(context.Background(), small(id)); err != nil {
			t.Fatal(err)
		}
		fmt.Println("kept", id)
		if _, err := db.Outbox().Drain(context.Background(), c, outbox.Options{Hand: true}); err != nil {
			t.Fatal(err)
		}
	}
}

// A storm is many children, killed one after the other.
type storm struct {
	*rig
	mu   sync.Mutex
	kept []string // runs that a child said it had kept
}

// child starts a pushing process and kills it after a time.
func (s *storm) child(name string, after time.Duration) {
	cmd := exec.Command(os.Args[0], "-test.run=^TestStormChild$", "-test.count=1")
	cmd.Env = append(os.Environ(), "ASSAY_TEST_STORM="+s.path, "ASSAY_TEST_NAME="+name,
		"ASSAY_TEST_URL="+s.set.URL, "ASSAY_TEST_TOKEN="+s.set.Token, "ASSAY_TEST_BUCKET="+s.set.Bucket, "ASSAY_TEST_ORG="+s.set.Org)
	out, err := cmd.StdoutPipe()
	if err != nil {
		s.Error(err)
		return
	}
	if err := cmd.Start(); err != nil {
		s.Error(err)
		return
	}
	timer := time.AfterFunc(after, func() { cmd.Process.Kill() })
	defer timer.Stop()
	for sc := bufio.NewScanner(out); sc.Scan(); {
		if id, ok := strings.CutPrefix(sc.Text(), "kept "); ok {
			s.mu.Lock()
			s.kept = append(s.kept, id)
			s.mu.Unlock()
		} else {
			s.Errorf("child %s: %s", name, sc.Text())
		}
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		s.Errorf("child %s ended by itself: %v", name, err)
	}
}

// TestStorm kills the pushing process at random points, two at a time on one
// store, while a proxy loses answers and the server is killed now and then.
// Then it counts: every run that a child had kept is in the store, and every
// point of the store is on the server once. ASSAY_STORM is the number of
// kills (make storm: 250).
func TestStorm(t *testing.T) {
	kills := 24
	if v := os.Getenv("ASSAY_STORM"); v != "" {
		var err error
		if kills, err = strconv.Atoi(v); err != nil {
			t.Fatal(err)
		}
	}
	s := &storm{rig: newRig(t)}
	s.proxy(chance(0.1, s.cut(), rand.New(rand.NewPCG(1, 1))), chance(0.1, refuse(http.StatusServiceUnavailable), rand.New(rand.NewPCG(1, 2))))
	var wg sync.WaitGroup
	for w := range 2 {
		rnd := rand.New(rand.NewPCG(7, uint64(w)))
		wg.Go(func() {
			for i := range kills / 2 {
				// A child lives through its start, then one round after the other of a few ms.
				s.child(fmt.Sprintf("child%d-%d", w, i), time.Duration(rnd.IntN(250))*time.Millisecond)
				if w == 0 && i%10 == 9 {
					s.server.Kill() // the queue grows for one child's life
				}
				if w == 0 && i%10 == 0 && i > 0 {
					s.server.Up()
				}
			}
		})
	}
	wg.Wait()
	s.server.Kill()
	s.server.Up()

	runs, err := s.db.List(s.ctx, reports.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, r := range runs {
		have[r.ID] = true
	}
	for _, id := range s.kept {
		if !have[id] {
			t.Errorf("run %s was kept and is not in the store", id)
		}
	}
	st, err := s.db.Outbox().Status(s.ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d kills: %d runs kept, %d of them undelivered when the storm ended", kills, len(runs), st.Runs)
	if len(runs) < kills/4 {
		t.Errorf("only %d runs: most children were killed before they kept one", len(runs))
	}
	s.set.URL = s.server.URL
	if rep := s.drain(outbox.Options{Hand: true, Patience: time.Minute}); rep.Left != 0 || rep.Dead != 0 {
		t.Errorf("at last: %+v", rep)
	}
	s.same()
}

// chance is a fault that comes with a probability. The proxy calls it under no
// lock, so it has one.
func chance(p float64, f fault, rnd *rand.Rand) fault {
	var mu sync.Mutex
	return func(w http.ResponseWriter, body []byte) bool {
		mu.Lock()
		hit := rnd.Float64() < p
		mu.Unlock()
		return hit && f(w, body)
	}
}
