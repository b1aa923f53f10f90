package energy

import (
	"fmt"
	"time"
)

// A Schedule is how long to look. A round is: settle, an idle window, then per
// case a guard and a window; another idle window follows the last round.
type Schedule struct {
	Settle time.Duration // longest wait for the power to come to rest, before an idle window
	Idle   time.Duration // an idle window
	Guard  time.Duration // inferences that run before a case's window begins, since meters lag; quiet before an idle window's settling
	Window time.Duration // a case's window
	Every  time.Duration // between two readings
	Notes  []string      // where the user wanted it shorter than the method
}

// The least lengths of the method (docs/method.md, "Energy"). 100 periods make
// what a meter misses at both edges of a window at most 2 % of its energy.
const (
	leastWindow  = 10 * time.Second
	wallWindow   = 120 * time.Second // plugs that answer once a second average over unknown times
	leastIdle    = 30 * time.Second
	leastGuard   = time.Second // powers are averaged over up to 1 s before they are shown (NVML)
	periods      = 100
	idlePeriods  = 50
	guardPeriods = 3
)

// NewSchedule returns the schedule that the method asks for with this meter.
// What the user sets (above 0) is kept, with a note where it is shorter than
// the method's.
func NewSchedule(m Meter, r Rate, settle, idle, window time.Duration) Schedule {
	s := Schedule{
		Settle: 30 * time.Second,
		Idle:   max(leastIdle, idlePeriods*r.Period),
		Guard:  max(leastGuard, guardPeriods*r.Period),
		Window: max(leastWindow, periods*r.Period),
		Every:  every(m.Kind(), r),
	}
	if m.Scope == Wall && r.Period >= time.Second {
		s.Window = max(s.Window, wallWindow)
	}
	s.take(&s.Idle, idle, "idle window")
	s.take(&s.Window, window, "window")
	s.Guard = min(s.Guard, s.Window/2) // a user who wants short windows does not want long leads
	if settle > 0 {
		s.Settle = settle
	}
	return s
}

func (s *Schedule) take(field *time.Duration, want time.Duration, name string) {
	if want <= 0 {
		return
	}
	if want < *field {
		s.Notes = append(s.Notes, fmt.Sprintf("shorter than the method wants: %s of %v instead of %v", name, want, *field))
	}
	*field = want
}

// every chooses how often to read: twice per new value of a power, so that
// none is missed, and 10 to 20 times a second for counters, but never so often
// that it costs more than 5 % of a core or that readings queue.
func every(k Kind, r Rate) time.Duration {
	e := max(r.Period/2, leastEveryPower)
	if k == Counter {
		e = 2 * leastEveryCounter
		if r.Period > leastEveryCounter {
			e = max(r.Period/2, leastEveryCounter)
		}
	}
	return max(e, 20*r.CPU, 2*r.Wall)
}

// Total is how long so many idle windows and windows of cases take at most,
// without the start of workers.
func (s Schedule) Total(idles, windows int) time.Duration {
	return time.Duration(idles)*(s.Settle+s.Guard+s.Idle) + time.Duration(windows)*(s.Guard+s.Window)
}

// String is "windows of 10s, idle windows of 30s after at most 30s of settling".
func (s Schedule) String() string {
	return fmt.Sprintf("windows of %v, idle windows of %v after at most %v of settling", s.Window, s.Idle, s.Settle)
}
