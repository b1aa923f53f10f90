//go:build unix

package energy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// script writes a program and returns the meter that runs it.
func script(t *testing.T, text string) External {
	t.Helper()
	file := filepath.Join(t.TempDir(), "watts.sh")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return External{"command", "sh " + file + ",scope=wall"}
}

// attached is an environment with one external meter and a real clock.
func attached(x External) Env {
	begin := time.Now()
	env := inTree(nil)
	env.Now = func() time.Duration { return time.Since(begin) }
	env.External = []External{x}
	return env
}

// opened opens the external meter x for a test.
func opened(t *testing.T, x External) Meter {
	t.Helper()
	m, err := Open(t.Context(), attached(x), "command")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// TestCommandPerReading runs programs that end after a line: the n-th run
// prints what the script makes of n.
func TestCommandPerReading(t *testing.T) {
	const count = `n=$(cat "$0.n" 2>/dev/null || echo 0); n=$((n+1)); echo $n > "$0.n"; `
	for _, c := range []struct {
		name, text string
		kind       Kind
		want       []string // of readings, after the run that opens the meter
	}{
		{"watts", count + `echo "$n.5 W"`, Power, []string{"2.5", "3.5"}},
		{"a bare number", count + `echo "$n"`, Power, []string{"2", "3"}},
		{"joules, and a remark", count + `echo "# meter"; echo; echo "$n J"`, Counter, []string{"2", "3"}},
		{"no newline at the end", count + `printf "$n W"`, Power, []string{"2", "3"}},
		{
			"fails once", count + `test $n != 2 || { echo "no such port" >&2; exit 3; }; echo $n`, Power,
			[]string{"read sh: ended without a line: exit status 3: no such port", "3"},
		},
		{
			"fails after its line", count + `echo $n; test $n != 2`, Power,
			[]string{"read sh: ended after line 1: exit status 1", "3"},
		},
		{
			"garbage once", count + `test $n != 2 || n=?; echo "$n W"`, Power,
			[]string{`read sh: printed "? W": want a number and W, mW, J, mJ or Wh, such as 12.3 W`, "3"},
		},
		{
			"another kind once", count + `test $n != 2 || n="2 J"; echo "$n"`, Power,
			[]string{"read sh: printed joules, and watts before", "3"},
		},
		{
			"silent once", count + `test $n != 2 || exit 0; echo $n`, Power,
			[]string{"read sh: ended without a line", "3"},
		},
	} {
		m := opened(t, script(t, c.text))
		if m.Kind() != c.kind || m.Scope != Wall || m.String() != "command (wall): sh" {
			t.Errorf("%s: %v, of kind %s, want %s", c.name, m, m.Kind(), c.kind)
		}
		for _, want := range c.want {
			r, err := m.Total[0].Read(t.Context())
			got := fmt.Sprint(r.Value)
			if err != nil {
				got = err.Error()
			}
			if got != want {
				t.Errorf("%s: %s, want %s", c.name, got, want)
			}
		}
	}
}

// TestCommandRefused gives programs with which no meter can be opened.
func TestCommandRefused(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"ends without a word", "", "ended without a line"},
		{"fails", "echo hello >&2; exit 7", "ended without a line: exit status 7: hello"},
		{"a banner", "echo Power meter 1.0; sleep 100", `printed "Power meter 1.0": want a number`},
		{"an endless line", "while :; do printf 11111111; done", "ended without a line: bufio.Scanner: token too long"},
	} {
		m, err := Open(t.Context(), attached(script(t, c.text)), "command")
		if !errors.Is(err, ErrNoMeter) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, %v; want %s", c.name, m.Name, err, c.want)
		}
	}
}

// TestCommandHangs gives programs that neither go on nor end.
func TestCommandHangs(t *testing.T) {
	for _, c := range []struct {
		text  string
		lines int
		want  string
	}{
		{"exec sleep 1000", 0, "printed nothing: context canceled"},
		{"echo 1; exec sleep 1000", 1, "printed one line, and then neither another one nor did it end: context canceled"},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		s, err := startStream([]string{"sh", "-c", c.text}, func() time.Duration { return 0 })
		if err != nil {
			t.Fatal(err)
		}
		go func() { // as if commandTime were over
			for {
				s.mu.Lock()
				n := s.lines
				s.mu.Unlock()
				if n == c.lines {
					cancel()
					return
				}
				time.Sleep(time.Millisecond)
			}
		}()
		if _, _, err := s.first(ctx); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", c.text, err, c.want)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// pipe makes a program that prints what the test writes.
func pipe(t *testing.T) (External, *os.File) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "lines")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(name, os.O_RDWR, 0) // both, so that opening waits for nobody
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return External{"command", "cat " + name}, f
}

// TestCommandStream reads a program that goes on. Every reading is of a line
// that was printed after Read was called.
func TestCommandStream(t *testing.T) {
	x, lines := pipe(t)
	stop := make(chan struct{})
	go func() {
		for n := 1; ; n++ {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				fmt.Fprintf(lines, "%d W\n", n)
			}
		}
	}()
	defer close(stop)
	env := attached(x)
	m, err := Open(t.Context(), env, "")
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if m.Scope != Board || len(m.Notes) != 1 || !strings.Contains(m.Notes[0], "board is assumed") {
		t.Errorf("scope %s, notes %q", m.Scope, m.Notes)
	}
	last := 0.0
	for range 20 {
		before := env.Now()
		r, err := m.Total[0].Read(t.Context())
		if after := env.Now(); err != nil || r.At < before || r.At > after || r.Value <= last {
			t.Fatalf("%v, %v; want one from %v to %v, above %v", r, err, before, after, last)
		}
		last = r.Value
	}
}

// TestCommandStreamTrouble gives a stream that stops, talks nonsense and ends.
func TestCommandStreamTrouble(t *testing.T) {
	x, lines := pipe(t)
	print := func(s string) {
		if _, err := lines.WriteString(s); err != nil {
			t.Error(err)
		}
	}
	print("1 W\n2 W\n")
	m := opened(t, x)
	read := func(s string) (Reading, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if s == "" {
			return m.Total[0].Read(ctx)
		}
		// The line may come before Read waits: it is printed until one is read.
		done := make(chan struct{})
		defer close(done)
		go func() {
			for {
				print(s)
				select {
				case <-done:
					return
				case <-time.After(5 * time.Millisecond):
				}
			}
		}()
		return m.Total[0].Read(t.Context())
	}
	for _, c := range []struct {
		lines string
		want  string
	}{
		{"3 W\n", "3"},
		{"", "cat: no line: context deadline exceeded"},
		{"# hello\n4 mW\n", "0.004"},
		{"five\n", `cat: printed "five": want a number and W, mW, J, mJ or Wh, such as 12.3 W`},
		{"6 J\n", "cat: printed joules, and watts before"},
		{"7\n", "7"},
	} {
		got := ""
		for try := 0; got != c.want && try < 100; try++ { // lines of before may still be on their way
			r, err := read(c.lines)
			if got = fmt.Sprint(r.Value); err != nil {
				got = err.Error()
			}
		}
		if got != c.want {
			t.Errorf("%q: %s, want %s", c.lines, got, c.want)
		}
	}
	s := m.Total[0].(*stream)
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-s.done
	for range 2 { // it stays ended
		if _, err := m.Total[0].Read(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "cat: ended after line ") || !strings.HasSuffix(err.Error(), ": signal: killed") {
			t.Errorf("killed: %v", err)
		}
	}
}

// TestCommandIsEnded wants a program gone after Close with all that it has
// started, also where it does not want to.
func TestCommandIsEnded(t *testing.T) {
	for _, c := range []struct{ name, text string }{
		{"willing", "sleep 1000 & while :; do echo 1; sleep 0.01; done"},
		{"unwilling", "trap '' TERM; (trap '' TERM; sleep 1000) & while :; do echo 1; sleep 0.01; done"},
	} {
		fifo := filepath.Join(t.TempDir(), "alive")
		if err := syscall.Mkfifo(fifo, 0o600); err != nil {
			t.Fatal(err)
		}
		// The pipe ends when the last process that has it open for writing has.
		gone := make(chan error, 1)
		go func() {
			f, err := os.Open(fifo)
			if err == nil {
				_, err = io.Copy(io.Discard, f)
				f.Close()
			}
			gone <- err
		}()
		m, err := Open(t.Context(), attached(script(t, "exec 3>"+fifo+"\n"+c.text)), "command")
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if err := m.Close(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		select {
		case err := <-gone:
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: a process is still there", c.name)
		}
		if _, err := m.Total[0].Read(t.Context()); err == nil {
			t.Errorf("%s: a closed meter is read", c.name)
		}
	}
}

// TestDocsUSBMeter runs the page's script on lines of that logger (its header
// is recorded, from its README; the volts and amperes are made up).
func TestDocsUSBMeter(t *testing.T) {
	page, err := os.ReadFile("../../docs/devices.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, ok := strings.Cut(string(page), "```sh\n#!/bin/sh\n# fnirsi.sh")
	text, _, end := strings.Cut(text, "```")
	if !ok || !end {
		t.Fatal("the script is not there")
	}
	const log = `timestamp sample_in_packet voltage_V current_A dp_V dn_V temp_C_ema energy_Ws capacity_As
1657568326.775 0 5.05000 0.80000 1.184 1.031 30.500 0.000000 0.000001
1657568326.785 1 5.04000 0.50000 1.184 1.033 30.500 0.000000 0.000001
`
	sh := exec.Command("sh", "-c", "#"+strings.Replace(text, "./fnirsi_logger.py", "cat", 1))
	sh.Stdin = strings.NewReader(log)
	out, err := sh.Output()
	if err != nil {
		t.Fatal(err)
	}
	want := []float64{4.04, 2.52}
	for i, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		if l, ok, err := parseLine(line); err != nil || !ok || l.kind != Power || i >= len(want) || l.value != want[i] {
			t.Errorf("line %d, %q, is %+v, %v", i, line, l, err)
		}
	}
}
