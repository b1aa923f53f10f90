package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"time"
)

// A System is what readers of a device look at: the root of its file system
// and its commands. Here is the running one; Recorded are trees of real boards.
type System struct {
	FS fs.FS // no leading slash: "proc/cpuinfo"

	// Run returns what a command writes to stdout. The error wraps
	// exec.ErrNotFound where there is no such command, and
	// context.DeadlineExceeded where it hangs.
	Run func(ctx context.Context, name string, arg ...string) ([]byte, error)
}

// live marks the running system, for which gopsutil may be asked as well.
type live struct{ fs.FS }

// Here is the running system. Its commands are given 2 seconds.
func Here() System { return System{FS: live{os.DirFS("/")}, Run: run} }

func (s System) live() bool { return isLive(s.FS) }

func isLive(root fs.FS) bool {
	_, ok := root.(live)
	return ok
}

// Recorded is a tree whose commands are files: what "vcgencmd get_throttled"
// prints is in cmd/vcgencmd_get_throttled.txt.
func Recorded(tree fs.FS) System {
	return System{FS: tree, Run: func(_ context.Context, name string, arg ...string) ([]byte, error) {
		file := "cmd/" + strings.Join(append([]string{name}, arg...), "_") + ".txt"
		b, err := fs.ReadFile(tree, file)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s: %w", name, exec.ErrNotFound)
		}
		return b, err
	}}
}

// Limits of a command: the sensors and switches that are asked here answer in
// milliseconds; what takes longer hangs.
const (
	commandTime = 2 * time.Second
	commandSize = 1 << 20 // B of stdout and of stderr
)

// run runs a command of this system.
func run(ctx context.Context, name string, arg ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	c := exec.CommandContext(ctx, name, arg...)
	c.WaitDelay = 100 * time.Millisecond // a grandchild may hold the pipes open
	var out, talk limited
	c.Stdout, c.Stderr = &out, &talk
	err := c.Run()
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%s: %w", name, ctx.Err())
	case errors.Is(err, exec.ErrNotFound):
		return nil, fmt.Errorf("%s: %w", name, exec.ErrNotFound)
	case err != nil:
		if line, _, _ := strings.Cut(strings.TrimSpace(talk.b.String()), "\n"); line != "" {
			return nil, fmt.Errorf("%s: %w: %s", name, err, line)
		}
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return out.b.Bytes(), nil
}

// limited keeps the first commandSize bytes and lets the rest go.
type limited struct{ b bytes.Buffer }

func (l *limited) Write(b []byte) (int, error) {
	if room := commandSize - l.b.Len(); room > 0 {
		l.b.Write(b[:min(room, len(b))])
	}
	return len(b), nil
}
