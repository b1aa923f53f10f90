package energy

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// openPerf is perf_event_open(2) for a counter that never samples. pid −1 and
// a CPU mean all processes on it.
func openPerf(unit uint32, config uint64, cpu int) (perfEvent, error) {
	attr := unix.PerfEventAttr{Type: unit, Config: config}
	attr.Size = uint32(unsafe.Sizeof(attr))
	fd, err := unix.PerfEventOpen(&attr, -1, cpu, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("perf_event_open", err)
	}
	return perfFile{os.NewFile(uintptr(fd), "perf event")}, nil
}

type perfFile struct{ *os.File }

// Count reads the counter: without a read_format it is one number of 64 bits
// in the byte order of the machine.
func (f perfFile) Count() (uint64, error) {
	var b [8]byte
	if _, err := io.ReadFull(f, b[:]); err != nil {
		return 0, fmt.Errorf("perf event: %w", err)
	}
	return binary.NativeEndian.Uint64(b[:]), nil
}
