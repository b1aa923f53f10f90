package host

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func TestRun(t *testing.T) {
	for _, c := range []struct {
		script, out, err string
	}{
		{"echo hello", "hello\n", ""},
		{"echo no such rail >&2; echo more >&2; exit 3", "", "sh: exit status 3: no such rail"},
		{"exit 1", "", "sh: exit status 1"},
	} {
		out, err := Here().Run(t.Context(), "sh", "-c", c.script)
		if string(out) != c.out || (err == nil) != (c.err == "") || err != nil && err.Error() != c.err {
			t.Errorf("%s: %q, %v; want %q, %q", c.script, out, err, c.out, c.err)
		}
	}
	if _, err := Here().Run(t.Context(), "assay-no-such-command"); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("an absent command: %v", err)
	}
	out, err := Here().Run(t.Context(), "sh", "-c", "head -c 3000000 /dev/zero")
	if err != nil || len(out) != commandSize {
		t.Errorf("a flood: %d bytes, %v; want %d", len(out), err, commandSize)
	}
}

// TestRunHangs wants an answer from a command that hangs, also where its own
// child keeps the pipe open.
func TestRunHangs(t *testing.T) {
	for _, script := range []string{"sleep 3", "sleep 3 & wait"} {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		_, err := Here().Run(ctx, "sh", "-c", script)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || !strings.HasPrefix(err.Error(), "sh: ") {
			t.Errorf("%s: %v", script, err)
		}
	}
}

func TestRecorded(t *testing.T) {
	s := Recorded(fstest.MapFS{"cmd/nvpmodel_-q.txt": {Data: []byte("NV Power Mode: MAXN\n0\n")}})
	if out, err := s.Run(t.Context(), "nvpmodel", "-q"); err != nil || !strings.HasPrefix(string(out), "NV Power Mode") {
		t.Errorf("%q, %v", out, err)
	}
	if _, err := s.Run(t.Context(), "vcgencmd", "get_throttled"); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("a command that was not recorded: %v", err)
	}
}
