package bench

import (
	"os"
	"runtime/debug"
)

// An appetite is what a fake worker takes of the memory, in bytes, and tells
// of it.
type appetite struct {
	Hold  int    // loading takes and keeps it
	Spike int    // loading takes it beside that and gives it back
	Grow  int    // the first inference takes and keeps it
	Arena int64  // it says it has; 0 is unknown
	DieAt string // "bind" or "stats": the process ends there
	Map   bool   // loading maps the model's file and reads all of it
}

var eaten [][]byte // by this worker

// mapFile maps a file and reads all of it, where the system can.
var mapFile = func(path string) { panic("cannot map " + path) }

func (a appetite) load(path string) {
	if a.Map {
		mapFile(path)
	}
	eaten = append(eaten, touched(a.Hold))
	touched(a.Spike)
	debug.FreeOSMemory()
}

func (a appetite) run() {
	if a.Grow > 0 && len(eaten) == 1 {
		eaten = append(eaten, touched(a.Grow))
	}
}

func (a appetite) die(at string) {
	if a.DieAt == at {
		os.Exit(7)
	}
}

// ArenaSize tells the arena, where the worker lives that long.
func (s *fakeSession) ArenaSize() int64 {
	s.Memory.die("stats")
	if s.Memory.Arena == 0 {
		return -1
	}
	return s.Memory.Arena
}

// touched returns n bytes that are resident.
func touched(n int) []byte {
	b := make([]byte, n)
	for i := 0; i < n; i += 4096 {
		b[i] = 1
	}
	return b
}
