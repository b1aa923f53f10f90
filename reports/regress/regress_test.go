package regress

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"assay/bench/metric"
	"assay/bench/stat"
	"assay/bench/stat/watch"
	"assay/reports"
)

func TestStepIsToldWithItsCauses(t *testing.T) {
	const at = 60
	f := newFleet(30, 70, "latency.p50")
	f.value = func(d, _, n int) float64 {
		if d == 3 && n >= at {
			return f.noisy(1.1e-3)
		}
		return f.noisy(1e-3)
	}
	f.facts = func(d, n int) map[string]string {
		m := map[string]string{"assay": "v1", "kernel": "6.1", "onnxruntime": "1.30", "file of resnet8 int8-qdq for native": "aaaa", "file of other baseline for native": "x"}
		if n >= at {
			m["kernel"], m["onnxruntime"], m["file of other baseline for native"] = "6.2", "1.31", "y"
		}
		return m
	}
	l := f.log()
	r := find(l)
	if len(r.Changes) != 1 {
		t.Fatalf("%d changes are told, want one: %+v", len(r.Changes), r.Changes)
	}
	c := r.Changes[0]
	if c.Word != watch.Unattributed || c.Device != "d03" || c.Kind != stat.Step || c.Begin != run(3, at) || !c.Since.Equal(begin.AddDate(0, 0, at).Add(3*time.Minute)) {
		t.Errorf("got %+v", c)
	}
	if c.Size.Low > 1.1 || c.Size.High < 1.1 || c.Size.High-c.Size.Low > 0.03 {
		t.Errorf("size %+v, want 1.10 within about a percent", c.Size)
	}
	if got := strings.Join(c.Causes, "; "); got != "kernel: 6.1 → 6.2; onnxruntime: 1.30 → 1.31" {
		t.Errorf("causes %q: a file that is another's is none", got)
	}
	// Three or four nights against sixty: the exact test reaches 1/41,664.
	if c.P > 0.01 {
		t.Errorf("p = %g", c.P)
	}
	if r.Series != 30 || r.Nights != 70 || r.Count.Allowed != 2 {
		t.Errorf("got %+v", r)
	}
}

// TestConfirmedAtOnce has second measurements of the step's first night, and
// of controls before it.
func TestConfirmedAtOnce(t *testing.T) {
	const at = 60
	f := newFleet(50, at+1, "latency.p50")
	f.value = func(d, _, n int) float64 {
		if d == 3 && n >= at {
			return f.noisy(1.1e-3)
		}
		return f.noisy(1e-3)
	}
	l := f.log()
	for n := 16; n < at; n++ {
		d := n % 50
		l.Again = append(l.Again, reports.Remeasured{Series: f.key(d, 0), Run: run(d, n), Control: true, Ratio: watch.Ratio{Mid: 0.001 * f.rnd.NormFloat64(), SE: 0.001, DF: 7, N: 8}})
	}
	asked := find(l).Requests
	var request *Request
	for i := range asked {
		if asked[i].Series == f.key(3, 0) {
			request = &asked[i]
		}
	}
	if request == nil || request.Run != run(3, at) || request.Accepted != run(3, 0) || request.Control {
		t.Fatalf("asked for %+v, want run %s against %s", asked, run(3, at), run(3, 0))
	}
	l.Again = append(l.Again, reports.Remeasured{Series: request.Series, Run: request.Run, Accepted: request.Accepted, Ratio: watch.Ratio{Mid: math.Log(1.1), SE: 0.001, DF: 7, N: 8}})
	r := find(l)
	if len(r.Changes) != 1 || r.Changes[0].Word != watch.Confirmed || r.Changes[0].Again == nil || math.Abs(r.Changes[0].Again.Value-1.1) > 1e-9 || r.Changes[0].Accepted != run(3, 0) {
		t.Fatalf("got %+v", r.Changes)
	}
	if len(r.Persists) != 1 || r.Persists[0].Family != "latency" || r.Persists[0].High > 0.2 || r.Count.Controls != 44 || r.Count.Alarms != 0 {
		t.Errorf("counts %+v, share %+v", r.Count, r.Persists)
	}
	l.Again[len(l.Again)-1].Ratio.Mid = 0 // the second measurement shows nothing
	r = find(l)
	if len(r.Changes) != 0 || len(r.Cleared) != 1 || r.Cleared[0].Word != watch.Cleared || r.Cleared[0].Again == nil || r.Cleared[0].Again.Value != 1 {
		t.Errorf("not cleared, or not said: %+v, changes %+v", r.Cleared, r.Changes)
	}
}

func TestAckBeginsANewLevel(t *testing.T) {
	const at = 40
	f := newFleet(5, 80, "latency.p50", "size")
	f.value = func(d, m, n int) float64 {
		switch {
		case m == 1 && n >= at:
			return 2000
		case m == 1:
			return 1000
		case n >= at:
			return f.noisy(1.5e-3)
		}
		return f.noisy(1e-3)
	}
	l := f.log()
	if r := find(l); len(r.Changes) != 10 {
		t.Fatalf("%d changes are told, want one of each of ten series", len(r.Changes))
	}
	for d := range 5 {
		for m := range 2 {
			l.Acks = append(l.Acks, reports.Ack{Series: f.key(d, m), Run: run(d, at)})
		}
	}
	r := find(l)
	if len(r.Changes)+len(r.Better) != 0 {
		t.Errorf("after the acknowledgement: %+v", r.Changes)
	}
	for _, q := range r.Requests {
		if !strings.HasPrefix(q.Accepted, "n040") {
			t.Errorf("the accepted build is that of run %s", q.Accepted)
		}
	}
}

// TestLateAck accepts some nights after the change was told.
func TestLateAck(t *testing.T) {
	f := newFleet(20, 80, "latency.p50")
	f.value = func(d, _, n int) float64 {
		if d == 2 && n >= 60 {
			return f.noisy(1.5e-3)
		}
		return f.noisy(1e-3)
	}
	l := f.log()
	if r := find(l); len(r.Changes) != 1 {
		t.Fatalf("%d changes are told, want one", len(r.Changes))
	}
	l.Acks = []reports.Ack{{Series: f.key(2, 0), Run: run(2, 72)}}
	if r := find(l); len(r.Changes) != 0 || r.Older != 0 {
		t.Errorf("accepted with run 72, it is still told: %+v", r.Changes)
	}
}

func TestAlike(t *testing.T) {
	f := newFleet(3, 61, "latency.p50", "latency.p90", "latency.p99", "latency.load", "memory.peak", "memory.steady")
	f.value = func(d, m, n int) float64 {
		if d == 1 && n == 60 && m < 5 {
			return f.noisy(1.2)
		}
		return f.noisy(1)
	}
	r := find(f.log())
	if len(r.Alike) != 1 || r.Alike[0].Device != "d01" || r.Alike[0].Worse < 5 || r.Alike[0].Of != 6 {
		t.Errorf("got %+v, want five of six series of d01", r.Alike)
	}
}

func TestConditionBeginsANewLevel(t *testing.T) {
	for key, value := range map[string]string{"governor": "powersave", "cores": "2", "device power mode": "15W"} {
		const at = 40
		f := newFleet(5, 80, "latency.p50", "throughput")
		f.value = func(d, m, n int) float64 {
			if n >= at {
				return f.noisy(2)
			}
			return f.noisy(1)
		}
		f.facts = func(_, n int) map[string]string {
			facts := map[string]string{"governor": "performance", "cores": "4"}
			if n >= at {
				facts[key] = value
			}
			return facts
		}
		r := find(f.log())
		if len(r.Changes)+len(r.Better) != 0 {
			t.Errorf("%s: %+v %+v", key, r.Changes, r.Better)
		}
		if len(r.Fresh) != 5 || !strings.HasPrefix(r.Fresh[0].What[0], key+": ") || r.Fresh[0].Run != run(0, at) {
			t.Errorf("%s: %+v", key, r.Fresh)
		}
	}
}

func TestDirection(t *testing.T) {
	f := newFleet(3, 80, "latency.p50", "throughput", "top1", "memory.peak")
	f.value = func(d, m, n int) float64 {
		if n >= 60 && m == 2 {
			return 0.9
		}
		if m == 2 {
			return 0.8
		}
		if n >= 60 {
			return f.noisy(2)
		}
		return f.noisy(1)
	}
	r := find(f.log())
	got := map[string]int{}
	for _, c := range r.Changes {
		got["worse "+c.Metric]++
	}
	for _, c := range r.Better {
		got["better "+c.Metric]++
		if c.Metric == metric.Throughput.Name && (c.Size.Value < 1.9 || c.Size.Value > 2.1) {
			t.Errorf("size of a doubled throughput: %+v", c.Size)
		}
	}
	if fmt.Sprint(got) != "map[better throughput:3 better top1:3 worse latency.p50:3 worse memory.peak:3]" {
		t.Errorf("got %v", got)
	}
}

func TestSilentDevices(t *testing.T) {
	f := newFleet(4, 30, "latency.p50")
	f.value = func(int, int, int) float64 { return f.noisy(1) }
	f.away = func(d, n int) bool {
		return d == 1 && n >= 27 || d == 2 && n%10 != 0 || d == 3 && n >= 10
	}
	r := find(f.log())
	if len(r.Silent) != 2 || r.Silent[0].Device != "d01" || r.Silent[0].Nights != 3 || r.Silent[0].Name != "board-1" || r.Silent[1].Nights != 20 {
		t.Errorf("got %+v, want d01 for 3 nights and d03 for 20; d02 reports every tenth", r.Silent)
	}
}

func TestSpread(t *testing.T) {
	f := newFleet(5, 90, "latency.p50")
	f.value = func(d, _, n int) float64 {
		if d == 2 && n >= 50 {
			return math.Exp(0.05 * float64(1-2*(n%2)) * (1 + 0.3*f.rnd.NormFloat64())) // to and fro, so that no mean moves
		}
		return f.noisy(1)
	}
	r := find(f.log())
	if len(r.Remarks) != 1 || r.Remarks[0].Device != "d02" || r.Remarks[0].Kind != stat.Spread || r.Remarks[0].Size.Value < 3 || r.Remarks[0].Size.Value > 7 {
		t.Errorf("got %+v, want five times the noise of d02", r.Remarks)
	}
}

func TestDrift(t *testing.T) {
	f := newFleet(20, 120, "latency.p50")
	f.value = func(d, _, n int) float64 {
		if d == 7 {
			return f.noisy(math.Exp(0.004 * float64(max(0, n-70))))
		}
		return f.noisy(1)
	}
	r := find(f.log())
	if len(r.Changes) != 1 || r.Changes[0].Device != "d07" {
		t.Fatalf("got %+v, want the drift of d07", r.Changes)
	}
	if c := r.Changes[0]; c.Told.Before(begin.AddDate(0, 0, 72)) || c.Told.After(begin.AddDate(0, 0, 90)) {
		t.Errorf("told at %v", c.Told)
	}
}

// TestBadValues passes over what is no evidence, and counts it.
func TestBadValues(t *testing.T) {
	f := newFleet(1, 30, "latency.p50")
	f.value = func(_, _, n int) float64 {
		switch n {
		case 3:
			return -1
		case 4:
			return math.NaN()
		case 5:
			return math.Inf(1)
		}
		return f.noisy(1)
	}
	l := f.log()
	l.Series[0].Points[8].Trusted = false
	l.Series[0].Points = append(l.Series[0].Points, l.Series[0].Points[9]) // twice, and out of order
	l.Series = append(l.Series,
		reports.LogSeries{Key: "nonsense", Points: []reports.LogPoint{{Run: 1, Value: 1}}},
		reports.LogSeries{Key: strings.Replace(f.key(0, 0), "latency.p50", "unheard-of", 1), Points: []reports.LogPoint{{Run: 1, Value: 1}}},
		reports.LogSeries{Key: strings.Replace(f.key(0, 0), "resnet8", "short", 1), Points: []reports.LogPoint{{Run: 29, Value: 1, Trusted: true}}})
	r := find(l)
	if want := (Passed{Untrusted: 1, Unusable: 4, Repeated: 1, Unknown: 1}); r.Passed != want {
		t.Errorf("passed over %+v, want %+v", r.Passed, want)
	}
	if r.Series != 2 || r.Short != 1 || len(r.Changes) != 0 {
		t.Errorf("got %+v", r)
	}
}

// TestClockJumps has a run from the future, which does not become the newest
// night, and one that was received twice in the same instant.
func TestClockJumps(t *testing.T) {
	f := newFleet(3, 30, "latency.p50")
	f.value = func(int, int, int) float64 { return f.noisy(1) }
	l := f.log()
	end := l.Runs[len(l.Runs)-1].Received
	l.Runs[len(l.Runs)-1].Received = end.AddDate(70, 0, 0)
	l.Runs[4].Received = l.Runs[3].Received
	r := Find(l, Options{Plan: watch.Standard, Since: begin, Now: end})
	if r.Nights != 30 || r.Passed.Future != 1 || len(r.Silent) != 1 || r.To.After(end) {
		t.Errorf("%d nights until %v, passed over %+v, silent %+v", r.Nights, r.To, r.Passed, r.Silent)
	}
	l.Runs = l.Runs[:1]
	l.Series = nil
	if r := Find(l, Options{Plan: watch.Standard, Now: begin.AddDate(-1, 0, 0)}); !r.Nightless {
		t.Errorf("a log of runs from the future alone: %+v", r)
	}
}

func TestEmptyLog(t *testing.T) {
	if r := find(&reports.Log{}); !r.Nightless || r.Changes == nil {
		t.Errorf("got %+v", r)
	}
}

func TestNightOf(t *testing.T) {
	at := func(s string) int64 {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return nightOf(v)
	}
	if at("2026-03-01T23:50:00Z") != at("2026-03-02T00:10:00Z") || at("2026-03-02T11:59:00Z") == at("2026-03-02T12:01:00Z") {
		t.Error("a night is from noon to noon")
	}
	if at("1969-12-31T23:00:00Z") != at("1970-01-01T01:00:00Z") || at("1969-12-31T11:00:00Z") == at("1969-12-31T13:00:00Z") {
		t.Error("nights before 1970 are numbered too")
	}
}

// TestOlder counts what was told before Since.
func TestOlder(t *testing.T) {
	f := newFleet(5, 90, "latency.p50")
	f.value = func(d, _, n int) float64 {
		if d == 1 && n >= 50 {
			return f.noisy(1.3)
		}
		return f.noisy(1)
	}
	r := Find(f.log(), Options{Plan: watch.Standard, Since: begin.AddDate(0, 0, 80)})
	if len(r.Changes) != 0 || r.Older != 1 {
		t.Errorf("%d changes, %d older, want 0 and 1", len(r.Changes), r.Older)
	}
}
