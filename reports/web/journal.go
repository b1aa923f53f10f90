package web

import (
	"slices"
	"sync"
	"time"
)

// A Line is one line of a job's progress.
type Line struct {
	At   time.Time
	Text string
	Done float64 // share of the job
}

// Bounds of a journal: some MB at most.
const (
	mostLines = 500 // of a job; the oldest go first
	mostJobs  = 500 // the one that was not heard of for longest goes first
)

// A Journal remembers what jobs have said lately. The zero value is empty and
// ready; it is safe for concurrent use.
type Journal struct {
	mu   sync.Mutex
	jobs map[string]*said
}

// said is what one job has said.
type said struct {
	lines   []Line
	first   int // number of lines[0], counted from the job's first
	last    time.Time
	changed chan struct{} // closed when there is more
}

// Add notes a line of a job.
func (j *Journal) Add(job string, l Line) {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := j.of(job)
	if len(s.lines) == mostLines {
		s.lines, s.first = slices.Delete(s.lines, 0, 1), s.first+1
	}
	s.lines, s.last = append(s.lines, l), l.At
	close(s.changed)
	s.changed = make(chan struct{})
}

// of returns what a job has said; j.mu is held.
func (j *Journal) of(job string) *said {
	if j.jobs == nil {
		j.jobs = map[string]*said{}
	}
	if s := j.jobs[job]; s != nil {
		return s
	}
	if len(j.jobs) >= mostJobs {
		oldest := ""
		for id, s := range j.jobs {
			if oldest == "" || s.last.Before(j.jobs[oldest].last) {
				oldest = id
			}
		}
		close(j.jobs[oldest].changed) // who follows it looks again
		delete(j.jobs, oldest)
	}
	s := &said{changed: make(chan struct{})}
	j.jobs[job] = s
	return s
}

// After returns the lines of a job from number n on, the number of the next
// one, and a channel that is closed when there are more.
func (j *Journal) After(job string, n int) (lines []Line, next int, more <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := j.of(job)
	next = s.first + len(s.lines)
	if from := max(n-s.first, 0); from < len(s.lines) {
		lines = slices.Clone(s.lines[from:])
	}
	return lines, next, s.changed
}
