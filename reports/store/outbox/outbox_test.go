package outbox_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"assay/reports"
	"assay/reports/internal/example"
	"assay/reports/store"
	"assay/reports/store/outbox"
)

// queue is a store of the test's own, its clock, and what forwards its runs.
type queue struct {
	*testing.T
	path string
	db   *store.SQLite
	out  *outbox.Outbox
	now  time.Time
	ctx  context.Context
}

func newQueue(t *testing.T) *queue {
	t.Helper()
	path := filepath.Join(t.TempDir(), "assay.db")
	db, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	q := &queue{T: t, path: path, db: db, out: db.Outbox(), now: time.Date(2026, 11, 25, 2, 0, 0, 0, time.UTC), ctx: context.Background()}
	q.out.Fake(&q.now)
	return q
}

// add keeps a run and queues these lines for it.
func (q *queue) add(run string, lines ...string) {
	q.Helper()
	q.db.ForwardWith(func(*reports.Run, []reports.Row, time.Time) ([]string, error) { return lines, nil })
	r := example.Result()
	r.Run, r.Groups = run, nil
	if err := q.db.Put(q.ctx, r); err != nil {
		q.Fatal(err)
	}
}

// exec changes the file behind the store's back.
func (q *queue) exec(stmt string) {
	q.Helper()
	db, err := sql.Open("sqlite", q.path)
	if err != nil {
		q.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(stmt); err != nil {
		q.Fatal(err)
	}
}

func (q *queue) drain(s outbox.Sink, o outbox.Options) outbox.Report {
	q.Helper()
	r, err := q.out.Drain(q.ctx, s, o)
	if err != nil {
		q.Fatal(err)
	}
	return r
}

func (q *queue) status() outbox.Status {
	q.Helper()
	s, err := q.out.Status(q.ctx)
	if err != nil {
		q.Fatal(err)
	}
	return s
}

// server is a Sink that answers by a func and keeps what it takes.
type server struct {
	answer func(call int, lines []string) error
	calls  int
	sizes  []int
	have   map[string]int // how often a line was taken
	at     []time.Time
	now    *time.Time
}

func (s *server) Write(_ context.Context, lines []string) error {
	s.calls++
	s.sizes = append(s.sizes, len(lines))
	if s.now != nil {
		s.at = append(s.at, *s.now)
	}
	if s.answer != nil {
		if err := s.answer(s.calls, lines); err != nil {
			return err
		}
	}
	if s.have == nil {
		s.have = map[string]int{}
	}
	for _, l := range lines {
		s.have[l]++
	}
	return nil
}

func numbered(from, to int) []string {
	var out []string
	for i := from; i < to; i++ {
		out = append(out, fmt.Sprintf("line%d", i))
	}
	return out
}

// all checks that the server has the lines from to to, and nothing else.
func (s *server) all(t *testing.T, from, to int) {
	t.Helper()
	for _, l := range numbered(from, to) {
		if s.have[l] == 0 {
			t.Errorf("%s never arrived", l)
		}
	}
	if len(s.have) != to-from {
		t.Errorf("%d lines arrived, want %d", len(s.have), to-from)
	}
}

func TestDrainInOrder(t *testing.T) {
	q := newQueue(t)
	q.add("a", numbered(0, 3000)...)
	q.add("b", numbered(3000, 4000)...)
	q.add("c", numbered(4000, 6000)...)
	if s := q.status(); s.Runs != 3 || s.Points != 6000 || s.Oldest.IsZero() {
		t.Errorf("queued: %+v", s)
	}
	var s server
	r := q.drain(&s, outbox.Options{})
	if r != (outbox.Report{Points: 6000}) {
		t.Errorf("got %+v", r)
	}
	if want := []int{4000, 2000}; !slices.Equal(s.sizes, want) {
		t.Errorf("requests of %v lines, want %v: whole runs, 5000 lines at most", s.sizes, want)
	}
	s.all(t, 0, 6000)
	if st := q.status(); st.Runs != 0 || st.Points != 0 || !st.Done.Equal(q.now) {
		t.Errorf("after: %+v", st)
	}
	if r := q.drain(&s, outbox.Options{}); r != (outbox.Report{}) || s.calls != 2 {
		t.Errorf("an empty queue: %+v, %d requests", r, s.calls)
	}
}

func TestARunOfMoreLinesThanARequest(t *testing.T) {
	q := newQueue(t)
	q.add("a", numbered(0, 12000)...)
	var s server
	q.drain(&s, outbox.Options{})
	if want := []int{5000, 5000, 2000}; !slices.Equal(s.sizes, want) {
		t.Errorf("requests of %v lines, want %v", s.sizes, want)
	}
	s.all(t, 0, 12000)
}

// down is a server that is down for its first n answers.
func down(n int, err error) *server {
	return &server{answer: func(call int, _ []string) error {
		if call <= n {
			return err
		}
		return nil
	}}
}

func TestBackoff(t *testing.T) {
	q := newQueue(t)
	q.add("a", "line0")
	s := down(11, errors.New("connection refused"))
	s.now = &q.now
	r := q.drain(s, outbox.Options{Patience: time.Hour})
	s.all(t, 0, 1)
	if r.Points != 1 || r.Why != "" {
		t.Errorf("got %+v", r)
	}
	// ¾ of 1, 2, 4 … s: a jitter in the middle of the second half.
	for i := 1; i < len(s.at); i++ {
		want := 750 * time.Millisecond << (i - 1)
		if i > 9 {
			want = 225 * time.Second // ¾ of 5 minutes
		}
		if got := s.at[i].Sub(s.at[i-1]); got != want {
			t.Errorf("attempt %d came after %v, want %v", i+1, got, want)
		}
	}
	if st := q.status(); st.Attempts != 0 || st.Why != "" || !st.Next.IsZero() {
		t.Errorf("a success leaves %+v", st)
	}
}

func TestPatienceEnds(t *testing.T) {
	q := newQueue(t)
	q.add("a", "line0")
	s := down(99, errors.New("connection refused"))
	r := q.drain(s, outbox.Options{Patience: 10 * time.Second})
	// 0.75 + 1.5 + 3 s are waited; 6 more would be too long.
	if s.calls != 4 || r.Left != 1 || r.Why != "connection refused" || r.Paused {
		t.Errorf("%d attempts, %+v", s.calls, r)
	}
	st := q.status()
	if st.Attempts != 4 || st.Why != "connection refused" || !st.Next.After(q.now) {
		t.Errorf("status %+v", st)
	}
	// Another process keeps to the backoff, a person need not.
	if q.drain(s, outbox.Options{}); s.calls != 4 {
		t.Error("a process in the background tried before its time")
	}
	if q.drain(s, outbox.Options{Hand: true}); s.calls != 5 {
		t.Error("by hand nothing was tried")
	}
	q.now = q.status().Next
	if q.drain(s, outbox.Options{}); s.calls != 6 {
		t.Error("nothing was tried when the time had come")
	}
	// A clock that went back does not stop delivery for years.
	q.now = q.now.AddDate(-1, 0, 0)
	if q.drain(s, outbox.Options{}); s.calls != 7 {
		t.Error("nothing was tried after the clock had gone back")
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	q := newQueue(t)
	q.add("a", "line0")
	s := down(1, &outbox.Answer{Do: outbox.Retry, Status: 429, After: 40 * time.Second, Text: "answers 429"})
	s.now = &q.now
	if q.drain(s, outbox.Options{}); s.calls != 1 {
		t.Fatalf("%d attempts", s.calls)
	}
	// Not even by hand is the server asked earlier; the wait is told.
	var told time.Duration
	q.now = q.now.Add(10 * time.Second)
	r := q.drain(s, outbox.Options{Hand: true, Patience: time.Minute, Waiting: func(d time.Duration, why string) { told = d }})
	if want := 42 * time.Second; r.Points != 1 || s.at[1].Sub(s.at[0]) != want || told != 32*time.Second {
		t.Errorf("%+v; the second attempt came after %v, want %v; told %v", r, s.at[1].Sub(s.at[0]), want, told)
	}
}

func TestPause(t *testing.T) {
	q := newQueue(t)
	q.add("a", "line0")
	s := down(2, &outbox.Answer{Do: outbox.Pause, Status: 401, Text: "answers 401"})
	r := q.drain(s, outbox.Options{Patience: 24 * time.Hour})
	if s.calls != 1 || !r.Paused || r.Left != 1 || r.Why != "answers 401" {
		t.Errorf("%d attempts, %+v: a pause is not waited for", s.calls, r)
	}
	if st := q.status(); !st.Paused || st.Points != 1 {
		t.Errorf("status %+v", st)
	}
	if r := q.drain(s, outbox.Options{}); s.calls != 1 || !r.Paused || !r.Next.Equal(q.now.Add(time.Hour)) {
		t.Errorf("%d attempts, %+v: paused holds for other processes", s.calls, r)
	}
	if q.drain(s, outbox.Options{Hand: true}); s.calls != 2 {
		t.Error("by hand nothing was tried")
	}
	q.now = q.now.Add(61 * time.Minute)
	if r := q.drain(s, outbox.Options{}); r.Points != 1 || q.status().Paused {
		t.Errorf("rights that came back are not seen: %+v", r)
	}
}

// bad refuses requests that hold one of these lines, as 400 does.
func bad(lines ...string) func(int, []string) error {
	return func(_ int, have []string) error {
		for _, l := range have {
			if slices.Contains(lines, l) {
				return &outbox.Answer{Do: outbox.Bisect, Status: 400, Text: "answers 400: type conflict"}
			}
		}
		return nil
	}
}

func TestBisect(t *testing.T) {
	q := newQueue(t)
	q.add("a", numbered(0, 1000)...)
	q.add("b", numbered(1000, 2000)...)
	s := &server{answer: bad("line7", "line999", "line1000")}
	r := q.drain(s, outbox.Options{})
	if r != (outbox.Report{Points: 1997, Dead: 3}) {
		t.Errorf("got %+v", r)
	}
	// Each bad line costs at most two requests per halving of 2000 lines.
	if s.calls > 1+3*2*11 {
		t.Errorf("%d requests", s.calls)
	}
	st := q.status()
	var dead []string
	for _, l := range st.Dead {
		dead = append(dead, l.Run+" "+l.Line)
		if l.Status != 400 || l.Why != "answers 400: type conflict" || !l.Died.Equal(q.now) {
			t.Errorf("letter %+v", l)
		}
	}
	if got, want := strings.Join(dead, ", "), "a line7, a line999, b line1000"; got != want {
		t.Errorf("dead letters: %s, want %s", got, want)
	}

	// The server is mended: the letters go out again.
	if n, err := q.out.Revive(q.ctx); n != 3 || err != nil {
		t.Fatalf("revived %d, %v", n, err)
	}
	s.answer = nil
	if r := q.drain(s, outbox.Options{}); r.Points != 3 {
		t.Errorf("got %+v", r)
	}
	s.all(t, 0, 2000)
	if st := q.status(); len(st.Dead) != 0 || st.Points != 0 {
		t.Errorf("left: %+v", st)
	}
}

func TestBury(t *testing.T) {
	q := newQueue(t)
	q.add("a", "line0", "line1")
	q.drain(&server{answer: bad("line1")}, outbox.Options{})
	if n, err := q.out.Bury(q.ctx); n != 1 || err != nil || len(q.status().Dead) != 0 {
		t.Errorf("buried %d, %v", n, err)
	}
}

func TestSplit(t *testing.T) {
	q := newQueue(t)
	q.add("a", numbered(0, 4000)...)
	s := &server{answer: func(_ int, lines []string) error {
		if len(lines) > 600 || slices.Contains(lines, "line3999") {
			return &outbox.Answer{Do: outbox.Split, Status: 413, Text: "answers 413"}
		}
		return nil
	}}
	r := q.drain(s, outbox.Options{})
	if r != (outbox.Report{Points: 3999, Dead: 1}) {
		t.Errorf("got %+v: a line that is too large alone is a dead letter", r)
	}
	s.all(t, 0, 3999)
	for i, n := range s.sizes {
		if i > 2 && n > 600 {
			t.Errorf("request %d had %d lines: what was too large is not tried again", i+1, n)
		}
	}
}

// TestProgressIsKept ends every attempt after one more request: what was
// confirmed or refused meanwhile is not done again, so bisecting comes to an
// end on a server that takes few requests at a time.
func TestProgressIsKept(t *testing.T) {
	q := newQueue(t)
	q.add("a", numbered(0, 64)...)
	refuse := bad("line9", "line50")
	s := &server{answer: func(call int, lines []string) error {
		if call%3 == 0 {
			return &outbox.Answer{Do: outbox.Retry, Status: 429, Text: "answers 429"}
		}
		return refuse(call, lines)
	}}
	for range 200 {
		if q.drain(s, outbox.Options{Hand: true}); q.status().Points == 0 {
			break
		}
	}
	if st := q.status(); st.Points != 0 || len(st.Dead) != 2 {
		t.Errorf("after 200 passes: %+v", st)
	}
	if len(s.have) != 62 {
		t.Errorf("%d lines arrived, want 62", len(s.have))
	}
}
