package host

import (
	"os"
	"slices"
	"strings"
	"time"
)

// A Glance is a cheap look at what changes within seconds: a handful of small
// files, found before.
type Glance struct {
	At        time.Time `json:"at"`
	MHz       float64   `json:"mhz,omitempty"`      // mean clock of the CPUs looked at, 0 if unknown
	MaxMHz    float64   `json:"max_mhz,omitempty"`  // mean of the highest clocks that can be reached, 0 if unknown
	Governor  string    `json:"governor,omitempty"` // joined by "+" where CPUs differ
	Celsius   float64   `json:"celsius,omitempty"`  // of the hottest sensor, 0 if there is none
	Hottest   string    `json:"hottest,omitempty"`  // its name
	Throttled int64     `json:"throttled"`          // as in Condition
	Firmware  uint32    `json:"firmware,omitempty"` // as in Condition
	Quota     int64     `json:"cgroup_throttled"`   // as in Condition
}

// Limits of a watch. What it spends stays below a twentieth of a percent of
// one core, by rule: a look is had only when the time since the watch began
// has earned it, and never more often than once a second.
const (
	watchShare = 0.0005
	watchEvery = time.Second
	tasksEvery = 5 * time.Second // the table of processes is long
)

// A Watch looks at a device while it is measured. It is used between timed
// regions, never within one, and not concurrently. A nil Watch sees nothing.
type Watch struct {
	src   *sources
	begun time.Time
	last  time.Time     // of the last look
	until time.Time     // of the last call of Look: what follows is no time for looks, and pays for none
	each  time.Duration // what the last look cost
	spent time.Duration // what all looks cost
	seen  During
	mhz   float64 // sum over looks that saw a clock
	mhzN  int
	near  neighbours
}

// NewWatch begins to watch sys: the clock and the governor of the given CPUs,
// of all if there are none, and everything else.
func NewWatch(sys System, cpus []int) *Watch {
	w := &Watch{src: find(sys, cpus), near: neighbours{self: os.Getpid()}}
	w.note(w.Glance())
	w.tasks()
	w.seen.Looks, w.spent = 0, 0 // that was before the measurement, at an idle clock
	w.mhz, w.mhzN, w.seen.MinMHz = 0, 0, 0
	w.begun = time.Now()
	w.last = w.begun
	return w
}

// Glance looks at the device now, whatever it costs.
func (w *Watch) Glance() Glance {
	begun, used, asked := time.Now(), selfTime(), w.src.asked
	s := w.src
	g := Glance{
		At: begun, MHz: meanKHz(s.sys.FS, s.clocks), MaxMHz: s.reachable(),
		Governor: distinct(s.sys.FS, s.governors), Throttled: s.throttled(), Quota: s.stopped(),
	}
	for _, z := range s.zones {
		if c, ok := number(s.sys.FS, z.file); ok && counts(z.name) && c/1000 > g.Celsius {
			g.Celsius, g.Hottest = c/1000, z.name
		}
	}
	g.Firmware, _, _ = s.flags()
	w.each = cost(begun, used) + s.asked - asked // a command's time is not in ours
	w.spent += w.each
	return g
}

// Look keeps a glance in mind if it is time for one. It is to be called often,
// between timed regions.
func (w *Watch) Look() {
	if w == nil {
		return
	}
	now := time.Now()
	w.until = now
	if now.Sub(w.last) < watchEvery || !w.affords(now, w.each) {
		return
	}
	w.last = now
	w.note(w.Glance())
	if now.Sub(w.near.last) >= tasksEvery && w.affords(now, w.near.each) {
		w.spent += w.tasks()
	}
}

// tasks looks at the processes of the running system and returns what it cost.
func (w *Watch) tasks() time.Duration {
	if !w.src.sys.live() {
		return 0
	}
	begun, used := time.Now(), selfTime()
	if all, err := tasks("/proc"); err == nil { // where there is no table, nobody is named
		w.near.look(begun, all)
	}
	w.near.each = cost(begun, used)
	return w.near.each
}

// cost is the CPU time that this process used since then. Where that is not
// told, the wall time bounds it.
func cost(begun time.Time, used time.Duration) time.Duration {
	if now := selfTime(); now > 0 {
		return now - used
	}
	return time.Since(begun)
}

// affords reports whether the time since the watch began has earned what costs
// so much.
func (w *Watch) affords(now time.Time, cost time.Duration) bool {
	return float64(w.spent+cost) <= watchShare*float64(now.Sub(w.begun))
}

func (w *Watch) note(g Glance) {
	d := &w.seen
	d.Looks++
	d.Firmware |= g.Firmware
	if g.Celsius > d.Celsius {
		d.Celsius, d.Hottest = g.Celsius, g.Hottest
	}
	if g.Governor != "" && !slices.Contains(d.Governors, g.Governor) {
		d.Governors = append(d.Governors, g.Governor)
	}
	if g.MHz > 0 {
		w.mhz, w.mhzN = w.mhz+g.MHz, w.mhzN+1
		if d.MinMHz == 0 || g.MHz < d.MinMHz {
			d.MinMHz = g.MHz
		}
	}
	d.LimitMHz = g.MaxMHz
}

// End says what was seen since the watch began.
func (w *Watch) End() During {
	if w == nil {
		return During{}
	}
	w.tasks()
	d := w.seen
	d.Neighbours, d.Others = w.near.top()
	if w.mhzN > 0 {
		d.MHz = w.mhz / float64(w.mhzN)
	}
	if t := w.until.Sub(w.begun); t > 0 {
		d.Cost = float64(w.spent) / float64(t)
	}
	return d
}

// counts reports whether a sensor says how hot the device is: the PMIC of
// Jetson Nano always says 100 °C.
func counts(sensor string) bool { return !strings.Contains(strings.ToLower(sensor), "pmic") }

// During is what a watch saw.
type During struct {
	Looks     int      `json:"looks"`
	Cost      float64  `json:"cost_share"`              // of one core, that looking took
	MHz       float64  `json:"mhz,omitempty"`           // mean over looks, which come between blocks
	MinMHz    float64  `json:"min_mhz,omitempty"`       // lowest of them
	LoadMHz   float64  `json:"load_mhz,omitempty"`      // median right after the blocks, by the measuring loop
	LimitMHz  float64  `json:"limit_mhz,omitempty"`     // the highest clock that the CPUs watched can reach
	Ran       float64  `json:"ran_share,omitempty"`     // of the blocks' time that the measured threads were on a CPU, by the measuring loop
	Celsius   float64  `json:"celsius_max,omitempty"`   // the highest temperature
	Hottest   string   `json:"hottest,omitempty"`       // its sensor
	Governors []string `json:"governors,omitempty"`     // all that were seen
	Firmware  uint32   `json:"firmware_seen,omitempty"` // all bits that were seen

	Others     float64     `json:"others_cores,omitempty"` // mean number of cores that all other processes in sight kept busy
	Neighbours []Neighbour `json:"neighbours,omitempty"`   // the processes that used the most CPU time beside ours
}
