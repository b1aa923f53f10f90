package memory

import (
	"errors"
	"os"
)

// A Watch follows the memory of one process through phases that the caller
// tells apart: each look ends a phase and begins the next with its peak reset,
// so that loading and running have peaks of their own. The peak over all
// phases is kept beside them. It is for one goroutine.
type Watch struct {
	pid  int
	rss  int64 // resident when the phase began, B; −1 if unknown
	from int64 // peak when the phase began, B: above rss where it could not be reset
	peak int64 // over all phases, B; −1 if unknown
}

// Follow begins to watch a process. Errors are those of Read.
func Follow(pid int) (*Watch, error) {
	w := &Watch{pid: pid, rss: -1, from: -1, peak: -1}
	_, err := w.Look()
	return w, err
}

// Look ends a phase and begins the next. It returns how much the most that was
// resident in the phase is above what was resident when it began, in bytes, −1
// if unknown. What grew less than a page is one page: resident memory is
// counted in pages, and a ratio needs a number above 0. Errors are those of
// Read and ErrGone; after one the phase goes on.
func (w *Watch) Look() (took int64, err error) {
	u, err := Read(w.pid)
	if err != nil {
		return -1, err
	}
	took = -1
	hidden := w.from > w.rss && u.PeakRSS <= w.from // by an older peak that could not be reset
	if w.rss >= 0 && u.PeakRSS >= 0 && !hidden {
		took = max(u.PeakRSS-w.rss, int64(os.Getpagesize()))
	}
	w.peak = max(w.peak, u.PeakRSS)
	w.rss, w.from = u.RSS, u.PeakRSS
	if err := ResetPeak(w.pid); err == nil {
		w.from = u.RSS
	} else if errors.Is(err, ErrGone) {
		return -1, err
	}
	return took, nil
}

// Peak returns the most that was resident until the last look, from the start
// of the process on; −1 is unknown.
func (w *Watch) Peak() int64 { return w.peak }
