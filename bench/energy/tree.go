package energy

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"
)

// word is a file's text, "" where it cannot be read.
func (t tree) word(path string) string {
	s, err := t.text(path)
	if err != nil {
		return ""
	}
	return s
}

// product multiplies the numbers of files: millivolts by milliamperes. An
// error of permission knows its remedy.
func (t tree) product(files []string) (float64, error) {
	v := 1.0
	for _, f := range files {
		n, err := t.number(f)
		if errors.Is(err, fs.ErrPermission) {
			return 0, denied{err, "sudo chmod a+r /" + f + " (until the next start; a udev rule keeps it), or run as root"}
		}
		if err != nil {
			return 0, err
		}
		v *= n
	}
	return v, nil
}

// millis reads a time in milliseconds, 0 where there is none.
func (t tree) millis(path string) time.Duration {
	n, err := t.number(path)
	if err != nil || n < 0 || n > 1e9 {
		return 0
	}
	return time.Duration(n * float64(time.Millisecond))
}

// compatible reports whether the device tree says that the board is one of a
// family, such as "nvidia,tegra" or "brcm,bcm2712".
func (t tree) compatible(prefix string) bool {
	for c := range strings.SplitSeq(t.word("proc/device-tree/compatible"), "\x00") {
		if strings.HasPrefix(c, prefix) {
			return true
		}
	}
	return false
}

// isJetson reports whether the board is one of NVIDIA's, whose INA3221 is read
// by kind jetson, which knows its rails.
func (t tree) isJetson() bool { return t.compatible("nvidia,tegra") }

// also joins errors in one line; either may be nil.
func also(a, b error) error {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return fmt.Errorf("%w; %w", a, b)
}
