package energy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strconv"
	"time"

	"assay/bench/host"
)

// A gauge is a Sensor whose readings a function makes.
type gauge struct {
	domain Domain
	now    func() time.Duration
	value  func(ctx context.Context) (float64, error) // J or W
	close  func() error                               // nil where nothing is held
}

var _ Sensor = (*gauge)(nil)

func (g *gauge) Domain() Domain { return g.domain }

// Read takes the middle of the time that the look took as its moment.
func (g *gauge) Read(ctx context.Context) (Reading, error) {
	if err := ctx.Err(); err != nil {
		return Reading{}, fmt.Errorf("read %s: %w", g.domain.Name, err)
	}
	before := g.now()
	v, err := g.value(ctx)
	after := g.now()
	if err == nil && (math.IsNaN(v) || math.IsInf(v, 0) || v < 0) {
		err = fmt.Errorf("%v is no %s", v, map[Kind]string{Counter: "energy", Power: "power"}[g.domain.Kind])
	}
	if err != nil {
		return Reading{}, fmt.Errorf("read %s: %w", g.domain.Name, err)
	}
	return Reading{At: before + (after-before)/2, Value: v}, nil
}

func (g *gauge) Close() error {
	if g.close == nil {
		return nil
	}
	return g.close()
}

// A tree reads the small files of /sys. Its errors name the file as the user
// would, with the slash.
type tree struct{ fs.FS }

// sysfsSize bounds a file: attributes of /sys are at most one page of 4 KiB.
const sysfsSize = 4 << 10

// text is a file without surrounding space.
func (t tree) text(path string) (string, error) {
	b, err := fs.ReadFile(t, path)
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		err = e.Err
	}
	switch {
	case err != nil:
		return "", fmt.Errorf("/%s: %w", path, err)
	case len(b) > sysfsSize:
		return "", fmt.Errorf("/%s: %d bytes are no attribute of a device", path, len(b))
	}
	return string(bytes.Trim(b, "\x00 \t\r\n")), nil
}

// number is a file that holds one number.
func (t tree) number(path string) (float64, error) {
	s, err := t.text(path)
	if err != nil {
		return 0, err
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("/%s: %q is not a number", path, s)
	}
	return v, nil
}

// count is a file that holds one whole number from 0 on.
func (t tree) count(path string) (uint64, error) {
	s, err := t.text(path)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("/%s: %q is not a count", path, s)
	}
	return n, nil
}

// has reports whether there is a file, readable or not.
func (t tree) has(path string) bool {
	_, err := fs.Stat(t, path)
	return err == nil || errors.Is(err, fs.ErrPermission) // a stat may have to open it
}

// glob is host's.
func (t tree) glob(pattern string) []string { return host.Glob(t, pattern) }
