package host

import (
	"bytes"
	"fmt"
	"io"
	"os"
)

// A Probe is read between blocks of a measurement: the time stolen and the
// clock of the pinned cores. Its files are opened once and its buffer is
// reused, so that Read does not allocate. It is not safe for concurrent use.
type Probe struct {
	stat   io.ReaderAt // /proc/stat, nil where there is none
	clocks []io.ReaderAt
	cpus   []int // nil: all
	buf    []byte
	files  []*os.File
}

// NewProbe opens a probe of the given CPUs of the running system, of all if
// there are none. Where nothing can be read (other systems than Linux), Read
// returns zeros.
func NewProbe(cpus []int) *Probe {
	p := &Probe{cpus: cpus, buf: make([]byte, 1<<16)}
	if f, err := os.Open("/proc/stat"); err == nil {
		p.stat = f
		p.files = append(p.files, f)
	}
	for _, c := range cpus {
		f, err := os.Open(fmt.Sprintf("/sys/devices/system/cpu/cpu%d/cpufreq/scaling_cur_freq", c))
		if err != nil {
			continue // no cpufreq here, as in most virtual machines
		}
		p.clocks = append(p.clocks, f)
		p.files = append(p.files, f)
	}
	return p
}

// Read returns the seconds stolen by the hypervisor on the probed cores since
// boot (in steps of 10 ms) and their mean clock in MHz, 0 where it is unknown.
func (p *Probe) Read() (steal, mhz float64) {
	for _, f := range p.clocks {
		n, _ := f.ReadAt(p.buf[:32], 0)
		khz, _ := digits(p.buf[:n])
		mhz += float64(khz) / 1000 / float64(len(p.clocks))
	}
	if p.stat == nil {
		return 0, mhz
	}
	n, _ := p.stat.ReadAt(p.buf, 0) // io.EOF with n bytes is the usual answer
	return float64(stolen(p.buf[:n], p.cpus)) / userHZ, mhz
}

// Close closes the probe's files. A probe that is dropped is closed too, when
// it is collected.
func (p *Probe) Close() error {
	var first error
	for _, f := range p.files {
		if err := f.Close(); err != nil && first == nil {
			first = err
		}
	}
	p.stat, p.clocks, p.files = nil, nil, nil
	return first
}

// stolen sums field 8 of the lines "cpuN …" of the given CPUs, or takes that
// of the line "cpu" where none are given; in ticks.
func stolen(b []byte, cpus []int) (ticks int64) {
	for len(b) > 0 {
		line := b
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			line, b = b[:i], b[i+1:]
		} else {
			b = nil
		}
		if len(line) < 4 || line[0] != 'c' || line[1] != 'p' || line[2] != 'u' {
			return ticks // the lines of CPUs come first
		}
		if line[3] == ' ' {
			if len(cpus) == 0 {
				return field(line[3:], 8)
			}
			continue
		}
		n, used := digits(line[3:])
		for _, c := range cpus {
			if int64(c) == n {
				ticks += field(line[3+used:], 8)
			}
		}
	}
	return ticks
}

// field returns the n-th number of a line, from 1; 0 where it has fewer.
func field(b []byte, n int) int64 {
	for {
		for len(b) > 0 && b[0] == ' ' {
			b = b[1:]
		}
		v, used := digits(b)
		if used == 0 {
			return 0
		}
		if n--; n == 0 {
			return v
		}
		b = b[used:]
	}
}

// digits reads the decimal number at the beginning of b, at most 18 digits.
func digits(b []byte) (v int64, used int) {
	for used < len(b) && used < 18 && b[used] >= '0' && b[used] <= '9' {
		v = 10*v + int64(b[used]-'0')
		used++
	}
	return v, used
}
