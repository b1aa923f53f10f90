package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"assay/reports"
	"assay/reports/internal/example"
	"assay/reports/store/outbox"
)

// TestSlowLink: time runs out for large requests. Smaller ones get through, and
// the size grows again.
func TestSlowLink(t *testing.T) {
	q := newQueue(t)
	for i := range 8 {
		q.add(fmt.Sprintf("run%d", i), numbered(1000*i, 1000*(i+1))...)
	}
	s := &server{answer: func(_ int, lines []string) error {
		if len(lines) > 1300 {
			return &outbox.Answer{Do: outbox.Retry, Text: "cannot be reached", Err: context.DeadlineExceeded}
		}
		return nil
	}}
	r := q.drain(s, outbox.Options{Patience: time.Hour})
	if r != (outbox.Report{Points: 8000}) {
		t.Errorf("got %+v", r)
	}
	if want := []int{5000, 2500, 1250, 1250, 1250, 1250, 2500, 1250, 1250, 500}; !slices.Equal(s.sizes, want) {
		t.Errorf("requests of %v lines, want %v", s.sizes, want)
	}
}

// hanging is a Sink that takes n lines at a time and else never answers.
type hanging int

func (n hanging) Write(ctx context.Context, lines []string) error {
	if len(lines) > int(n) {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

// TestSlowLinkInTheBackground: there the time of the whole pass runs out, and
// the next pass begins smaller all the same.
func TestSlowLinkInTheBackground(t *testing.T) {
	q := newQueue(t)
	q.add("a", numbered(0, 5000)...)
	for range 50 {
		ctx, cancel := context.WithTimeout(q.ctx, 200*time.Millisecond) // two passes hang, by 5000 and 2500 lines
		_, err := q.out.Drain(ctx, hanging(1300), outbox.Options{})
		cancel()
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		if q.status().Points == 0 {
			return
		}
	}
	t.Errorf("after 50 passes: %+v", q.status())
}

func TestCancel(t *testing.T) {
	q := newQueue(t)
	q.add("a", numbered(0, 12000)...)
	ctx, cancel := context.WithCancel(q.ctx)
	s := &server{answer: func(call int, _ []string) error {
		if call == 2 {
			cancel()
			return ctx.Err()
		}
		return nil
	}}
	r, err := q.out.Drain(ctx, s, outbox.Options{})
	if !errors.Is(err, context.Canceled) || r.Points != 5000 || r.Left != 7000 {
		t.Errorf("%+v, %v", r, err)
	}
	if st := q.status(); st.Attempts != 0 {
		t.Errorf("an interruption counts as a failure: %+v", st)
	}
}

func TestMeasuringHoldsDeliveryOff(t *testing.T) {
	q := newQueue(t)
	q.add("a", "line0")
	one, err := q.out.Measuring(q.ctx)
	if err != nil {
		t.Fatal(err)
	}
	two, err := q.out.Measuring(q.ctx)
	if err != nil {
		t.Fatalf("two cannot measure at a time: %v", err)
	}
	var s server
	for _, o := range []outbox.Options{{}, {Hand: true, Patience: time.Second}} {
		if r := q.drain(&s, o); s.calls != 0 || r.Left != 1 || !strings.Contains(r.Why, "being measured") {
			t.Errorf("%+v, %d requests while somebody measures", r, s.calls)
		}
	}
	one()
	if q.drain(&s, outbox.Options{}); s.calls != 0 {
		t.Error("one of two has ended, and the queue is delivered")
	}
	two()
	if r := q.drain(&s, outbox.Options{}); r.Points != 1 {
		t.Errorf("nobody measures: %+v", r)
	}
	// And a run that begins waits for the request that is under way.
	q.add("b", "line1")
	begun := make(chan error, 1)
	s.answer = func(int, []string) error {
		go func() {
			release, err := q.out.Measuring(q.ctx)
			if err == nil {
				release()
			}
			begun <- err
		}()
		select {
		case <-begun:
			t.Error("measuring began during a request")
		case <-time.After(300 * time.Millisecond): // one and a half looks at the lock
		}
		return nil
	}
	q.drain(&s, outbox.Options{})
	if err := <-begun; err != nil {
		t.Error(err)
	}
}

func TestDamagedRow(t *testing.T) {
	q := newQueue(t)
	q.add("a", "line0")
	q.add("b", "line1")
	q.exec("UPDATE outbox SET lines = x'1f8b0800' WHERE run = 'a'")
	var s server
	r := q.drain(&s, outbox.Options{})
	if r != (outbox.Report{Points: 1, Dead: 1}) {
		t.Errorf("got %+v", r)
	}
	st := q.status()
	if len(st.Dead) != 1 || st.Dead[0].Run != "a" || !strings.Contains(st.Dead[0].Why, "assay push --all") {
		t.Errorf("dead letters: %+v", st.Dead)
	}
	if n, err := q.out.Revive(q.ctx); n != 0 || err != nil || len(q.status().Dead) != 1 {
		t.Errorf("revived %d, %v: there is nothing to send", n, err)
	}
}

func TestErrorsNameTheStore(t *testing.T) {
	q := newQueue(t)
	q.add("a", "line0")
	q.exec("DROP TABLE dead")
	_, err := q.out.Status(q.ctx)
	if err == nil || !strings.HasPrefix(err.Error(), "store "+q.path+": ") {
		t.Errorf("status: %v", err)
	}
	if _, err := q.out.Drain(q.ctx, &server{answer: bad("line0")}, outbox.Options{}); err == nil || !strings.HasPrefix(err.Error(), "store "+q.path+": ") {
		t.Errorf("drain: %v", err)
	}
	if st, err := q.out.Status(q.ctx); err == nil || st.Points != 1 {
		t.Errorf("%+v, %v: a letter that cannot be kept stays queued", st, err)
	}
}

func TestLinesAreChecked(t *testing.T) {
	q := newQueue(t)
	for _, l := range []string{"", "a\nb", "a\r"} {
		q.db.ForwardWith(func(*reports.Run, []reports.Row, time.Time) ([]string, error) { return []string{"good", l}, nil })
		r := example.Result()
		if err := q.db.Put(q.ctx, r); err == nil {
			t.Errorf("%q was queued", l)
		}
		if runs, err := q.db.List(q.ctx, reports.Filter{}); err != nil || len(runs) != 0 {
			t.Errorf("a run is kept that could not be queued: %v, %v", runs, err)
		}
	}
}
