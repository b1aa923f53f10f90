package energy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// Bounds of what a program prints.
const (
	longestLine = 4096 // B
	talkSize    = 4096 // B of stderr that are kept for the error

	grace = 500 * time.Millisecond // to end in
)

// A stream is a running program whose lines are readings. A reading is dated
// when its line arrives: the program must print a line at once (flush).
type stream struct {
	name string
	kind Kind
	now  func() time.Duration
	cmd  *exec.Cmd
	out  io.ReadCloser
	talk talk
	done chan struct{} // closed when the program has ended and all is read

	mu    sync.Mutex
	next  chan struct{} // closed with every line, and at the end
	lines int
	last  Reading
	unit  Kind  // of last
	err   error // of the last line
	end   error // why the program has ended, nil while it runs
}

var _ Sensor = (*stream)(nil)

// startStream starts a program in a process group of its own, so that what it
// starts ends with it.
func startStream(args []string, now func() time.Duration) (*stream, error) {
	s := &stream{name: args[0], now: now, done: make(chan struct{}), next: make(chan struct{})}
	s.cmd = exec.Command(args[0], args[1:]...)
	s.cmd.Stderr = &s.talk
	s.cmd.WaitDelay = 100 * time.Millisecond // a grandchild may hold the pipes open
	ownGroup(s.cmd)
	var err error
	if s.out, err = s.cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err // it names the program
	}
	go s.read()
	return s, nil
}

// read takes the lines as they come.
func (s *stream) read() {
	defer close(s.done)
	in := bufio.NewScanner(s.out)
	in.Buffer(make([]byte, 0, 256), longestLine)
	for in.Scan() {
		at := s.now()
		l, ok, err := parseLine(in.Text())
		if ok || err != nil {
			s.tell(func() { s.last, s.unit, s.err = Reading{At: at, Value: l.value}, l.kind, err; s.lines++ })
		}
	}
	why := in.Err()
	if why != nil { // a line too long: nothing after it can be trusted
		signalGroup(s.cmd, true)
	}
	if err := s.cmd.Wait(); why == nil {
		why = err
	}
	s.tell(func() {
		after := "without a line"
		if s.lines > 0 {
			after = fmt.Sprintf("after line %d", s.lines)
		}
		s.end = fmt.Errorf("ended %s%s", after, s.talk.line())
		if why != nil {
			s.end = fmt.Errorf("ended %s: %w%s", after, why, s.talk.line())
		}
	})
}

// tell changes the state and wakes who waits for it.
func (s *stream) tell(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	close(s.next)
	s.next = make(chan struct{})
}

// first waits for the first line, and for what then comes: goesOn is true if
// it is a second line, false if the program ends well.
func (s *stream) first(ctx context.Context) (l printed, goesOn bool, err error) {
	for {
		s.mu.Lock()
		lines, last, unit, err, end, next := s.lines, s.last, s.unit, s.err, s.end, s.next
		s.mu.Unlock()
		now := printed{unit, last.Value}
		switch {
		case err != nil:
			return printed{}, false, err
		case end != nil && lines == 1 && s.cmd.ProcessState.Success():
			return now, false, nil
		case end != nil:
			return printed{}, false, end
		case lines >= 2:
			return now, true, nil
		}
		if err := within(ctx, next); err != nil && lines == 0 {
			return printed{}, false, fmt.Errorf("printed nothing: %w", err)
		} else if err != nil {
			return printed{}, false, fmt.Errorf("printed one line, and then neither another one nor did it end: %w", err)
		}
	}
}

// within returns when next is closed, or with an error after commandTime.
func within(ctx context.Context, next <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	select {
	case <-next:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *stream) Domain() Domain { return Domain{s.name, s.kind} }

// Read waits for the next line: what was printed before tells of the past.
func (s *stream) Read(ctx context.Context) (Reading, error) {
	s.mu.Lock()
	next, end := s.next, s.end
	s.mu.Unlock()
	if end == nil {
		if err := within(ctx, next); err != nil {
			return Reading{}, fmt.Errorf("%s: no line: %w", s.name, err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.end != nil:
		return Reading{}, fmt.Errorf("%s: %w", s.name, s.end)
	case s.err != nil:
		return Reading{}, fmt.Errorf("%s: %w", s.name, s.err)
	case s.unit != s.kind:
		return Reading{}, fmt.Errorf("%s: printed %s, and %s before", s.name, unitOf(s.unit), unitOf(s.kind))
	}
	return s.last, nil
}

// Close ends the program and what it has started: by asking, by force, and
// where something has left its process group, by no longer listening to it.
func (s *stream) Close() error {
	select {
	case <-s.done:
		return nil // its number may be another's now
	default:
	}
	for _, end := range []func(){
		func() { signalGroup(s.cmd, false) },
		func() { signalGroup(s.cmd, true) },
		func() { s.out.Close() },
	} {
		end()
		select {
		case <-s.done:
			return nil
		case <-time.After(grace):
		}
	}
	return fmt.Errorf("%s does not end", s.name)
}

// talk keeps the beginning of what a program says on stderr.
type talk struct {
	mu sync.Mutex
	b  []byte
}

func (t *talk) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, b[:min(len(b), talkSize-len(t.b))]...)
	return len(b), nil
}

// line is ": " and the first line, "" where nothing was said.
func (t *talk) line() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	l, _, _ := strings.Cut(strings.TrimSpace(string(t.b)), "\n")
	if l == "" {
		return ""
	}
	return fmt.Sprintf(": %.200s", l)
}
