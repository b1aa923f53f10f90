package hub

import (
	"context"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"assay/agents"
	"assay/bench/host"

	"github.com/nats-io/nkeys"
)

// nowhere keeps nothing: these tests have no results.
type nowhere struct{}

func (nowhere) Keep(_ context.Context, all []Sent) []Kept      { return make([]Kept, len(all)) }
func (nowhere) Packed(context.Context, string) ([]byte, error) { return nil, ErrBad }

// started starts a hub with one device that never comes.
func started(t *testing.T) *Hub {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	l.Close()
	h, err := Start(t.Context(), Config{Dir: t.TempDir(), Listen: at, Keeper: nowhere{}, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	j, err := h.Invite(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	key, err := pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	if err := h.admit(t.Context(), agents.Enrolment{Token: j.Token, Key: key, Device: host.Device{ID: "a", Class: "pi"}, Labels: map[string]string{"class": "pi"}}); err != nil {
		t.Fatal(err)
	}
	return h
}

// TestSchedule: what is due is dispatched once, also if it was due several
// times while nobody looked.
func TestSchedule(t *testing.T) {
	h := started(t)
	order := agents.Order{To: "class=pi", Lane: "nightly", Expire: time.Hour, Job: agents.Job{Suite: "s", Document: "x"}}
	if err := h.schedule(t.Context(), agents.Schedule{ID: "s1", Cron: "CRON_TZ=UTC 0 2 * * *", Order: order}); err != nil {
		t.Fatal(err)
	}
	night := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, 1).Add(2 * time.Hour) // at 2, tomorrow
	if time.Now().UTC().Hour() < 2 {
		night = night.AddDate(0, 0, -1)
	}
	name := func(at time.Time) string { return "s1_" + at.Format("20060102T1504") }
	for _, c := range []struct {
		at   time.Time
		want string // all dispatches by then
	}{
		{night.Add(-time.Minute), ""},
		{night.Add(10 * time.Second), name(night)},
		{night.Add(time.Minute), name(night)},
		{night.Add(73 * time.Hour), name(night) + " " + name(night.AddDate(0, 0, 1))}, // down for three nights
		{night.Add(74 * time.Hour), name(night) + " " + name(night.AddDate(0, 0, 1))},
	} {
		if err := h.fire(t.Context(), c.at); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, id := range []string{name(night), name(night.AddDate(0, 0, 1)), name(night.AddDate(0, 0, 2)), name(night.AddDate(0, 0, 3))} {
			if s, err := h.status(id); err == nil && len(s) == 1 && s[0].State == agents.Missing {
				got = append(got, id)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("at %v: %v, want %s", c.at, got, c.want)
		}
	}
	if err := h.unschedule(t.Context(), "s1"); err != nil {
		t.Fatal(err)
	}
	if all, err := h.planned(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("after it was forgotten: %v, %v", all, err)
	}
	if err := h.unschedule(t.Context(), "s1"); err == nil {
		t.Error("it is forgotten twice")
	}
}

func TestScheduleRefused(t *testing.T) {
	h := started(t)
	order := agents.Order{Lane: "nightly", Expire: time.Hour, Job: agents.Job{Document: "x"}}
	for text, want := range map[string]string{
		"":            "empty spec string",
		"0 2 * *":     "expected exactly 5 fields",
		"61 * * * *":  "above maximum",
		"TZ=0":        "a time zone and no time",
		"CRON_TZ=UTC": "a time zone and no time",
	} {
		if err := h.schedule(t.Context(), agents.Schedule{ID: "s", Cron: text, Order: order}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	order.To = "class=rpi9"
	if err := h.schedule(t.Context(), agents.Schedule{ID: "s", Cron: "@daily", Order: order}); err == nil || !strings.Contains(err.Error(), "no device matches") {
		t.Errorf("for nobody: %v", err)
	}
}

// TestExpire: a job whose time is over is lost, and says so.
func TestExpire(t *testing.T) {
	h := started(t)
	if err := h.put(t.Context(), h.states, "a", agents.Beat{Labels: map[string]string{"class": "pi"}}); err != nil {
		t.Fatal(err)
	}
	for h.fleet()[0].Away != "" {
		time.Sleep(time.Millisecond)
	}
	p, err := h.dispatch(t.Context(), agents.Order{ID: "d", Lane: "gate", Expire: time.Hour, Job: agents.Job{Document: "x"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.expire(t.Context(), p.At.Add(59*time.Minute)); err != nil {
		t.Fatal(err)
	}
	if s, err := h.status("d"); err != nil || s[0].State != Waiting {
		t.Errorf("before its time is over: %+v %v", s, err)
	}
	if err := h.expire(t.Context(), p.At.Add(61*time.Minute)); err != nil {
		t.Fatal(err)
	}
	s, err := h.status("d")
	if err != nil || s[0].State != agents.Lost || s[0].Outcome.Reason != "it did not end within 1h0m0s" {
		t.Errorf("after its time: %+v %v", s, err)
	}
}
