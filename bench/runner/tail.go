package runner

import (
	"regexp"
	"strings"
	"sync"
	"unicode"
)

const tailBytes = 8 << 10

// A tail keeps the last bytes written to it, so that a worker may log without
// bound. It is safe for concurrent use.
type tail struct {
	mu  sync.Mutex
	buf []byte
	cut bool // something older was dropped
}

// Write never fails and keeps at most tailBytes.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(p)
	if len(p) > tailBytes {
		p, t.cut = p[len(p)-tailBytes:], true
	}
	if over := len(t.buf) + len(p) - tailBytes; over > 0 {
		t.buf, t.cut = t.buf[:copy(t.buf, t.buf[over:])], true
	}
	t.buf = append(t.buf, p...)
	return n, nil
}

// String returns what was kept: whole lines, without the stacks that follow
// the first line of a Go panic, since that line is what a person needs.
func (t *tail) String() string {
	t.mu.Lock()
	s := string(t.buf)
	if t.cut {
		if _, rest, ok := strings.Cut(s, "\n"); ok {
			s = rest
		}
	}
	t.mu.Unlock()
	s = plain(strings.ToValidUTF8(s, "�"))
	for _, mark := range []string{"panic: ", "fatal error: "} {
		i := strings.Index(s, mark)
		if i > 0 && s[i-1] != '\n' {
			continue
		}
		if i >= 0 {
			if j := strings.Index(s[i:], "\ngoroutine "); j >= 0 {
				s = s[:i+j]
			}
		}
	}
	return strings.TrimSpace(s)
}

// escape is a control sequence of a terminal (ECMA-48, §5.4), such as a colour.
var escape = regexp.MustCompile("\x1b\\[[0-?]*[ -/]*[@-~]")

// plain drops what would act on a terminal instead of being read: a worker's
// words are printed in reports.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && unicode.IsControl(r) {
			return -1
		}
		return r
	}, escape.ReplaceAllString(s, ""))
}

// last returns the last line of String, shortened for an error message.
func (t *tail) last() string {
	const most = 300
	s := t.String()
	if i := strings.LastIndexByte(s, '\n'); i >= 0 {
		s = s[i+1:]
	}
	if s = oneLine(s); len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
