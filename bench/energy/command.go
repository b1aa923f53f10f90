package energy

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

func init() {
	registerExternal(adapter{
		kind: "command", form: "command=PROGRAM [ARGUMENT…][,scope=board]",
		check: func(target string) error { _, err := parseCommand(target); return err },
		open:  openCommand,
	})
}

// commandTime is how long a program may take for a line, or to end.
const commandTime = 5 * time.Second

// A command is a program of the user's that reads a meter.
type command struct {
	args    []string
	scope   Scope
	assumed bool // the user did not say the scope
}

var commandScopes = []Scope{Package, Rail, Module, Board, Wall}

// parseCommand reads "./watts.sh --port ttyUSB0,scope=wall". Words end at
// spaces and nothing is quoted: what needs more is written into a script.
func parseCommand(target string) (command, error) {
	program, options, more := strings.Cut(target, ",")
	c := command{args: strings.Fields(program), scope: Board, assumed: true}
	if len(c.args) == 0 {
		return c, errors.New("no program is named")
	}
	if !more {
		return c, nil
	}
	key, value, _ := strings.Cut(options, "=")
	switch s := Scope(value); {
	case key != "scope":
		return c, fmt.Errorf("unknown option %q", options)
	case !slices.Contains(commandScopes, s):
		return c, fmt.Errorf("unknown scope %q (have package, rail, module, board, wall)", value)
	default:
		c.scope, c.assumed = s, false
	}
	return c, nil
}

// openCommand starts the program to see how it is used: one that ends after
// one line is run for every reading, one that goes on is read as a stream.
func openCommand(ctx context.Context, env Env, target string) ([]Meter, error) {
	c, err := parseCommand(target)
	if err != nil {
		return nil, err
	}
	m := Meter{Name: "command", Scope: c.scope}
	if c.assumed {
		m.Notes = []string{"scope board is assumed: say what the meter is of with ,scope=package, rail, module, board or wall"}
	}
	s, err := startStream(c.args, env.Now)
	if err != nil {
		return nil, err
	}
	first, goesOn, err := s.first(ctx)
	if err != nil {
		s.Close()
		return nil, err
	}
	if goesOn {
		s.kind = first.kind
		m.Total = []Sensor{s}
		return []Meter{m}, nil
	}
	s.Close()
	m.Total = []Sensor{&gauge{
		domain: Domain{c.args[0], first.kind}, now: env.Now,
		value: func(ctx context.Context) (float64, error) { return runOnce(ctx, c.args, first.kind, env.Now) },
	}}
	return []Meter{m}, nil
}

// runOnce runs a program for one reading.
func runOnce(ctx context.Context, args []string, want Kind, now func() time.Duration) (float64, error) {
	s, err := startStream(args, now)
	if err != nil {
		return 0, err
	}
	defer s.Close()
	l, goesOn, err := s.first(ctx)
	switch {
	case err != nil:
		return 0, err
	case goesOn:
		return 0, errors.New("printed a second line; it ended after one before")
	case l.kind != want:
		return 0, fmt.Errorf("printed %s, and %s before", unitOf(l.kind), unitOf(want))
	}
	return l.value, nil
}

// A printed is what a program printed: watts, or joules since any moment that
// stays the same.
type printed struct {
	kind  Kind
	value float64
}

var printedUnits = []struct {
	symbol string
	kind   Kind
	factor float64
}{{"W", Power, 1}, {"", Power, 1}, {"mW", Power, 1e-3}, {"J", Counter, 1}, {"mJ", Counter, 1e-3}, {"Wh", Counter, 3600}}

// parseLine reads "12.3 W", "12.3W", "45.6 J" or "12.3", which is in watts.
// ok is false for a line without a reading: an empty one, or a remark (#).
func parseLine(text string) (l printed, ok bool, err error) {
	text = strings.TrimSpace(text)
	if text == "" || text[0] == '#' {
		return printed{}, false, nil
	}
	end := strings.LastIndexAny(text, "0123456789.") + 1
	unit := strings.TrimSpace(text[end:])
	for _, u := range printedUnits {
		if u.symbol != unit {
			continue
		}
		v, err := strconv.ParseFloat(text[:end], 64)
		if v *= u.factor; err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			break
		}
		if v < 0 {
			return printed{}, false, fmt.Errorf("printed %.40q, less than nothing", text)
		}
		return printed{u.kind, v}, true, nil
	}
	return printed{}, false, fmt.Errorf("printed %.40q: want a number and W, mW, J, mJ or Wh, such as 12.3 W", text)
}

func unitOf(k Kind) string {
	if k == Counter {
		return "joules"
	}
	return "watts"
}
