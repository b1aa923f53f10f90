package host

import "github.com/prometheus/procfs"

// Written is how many bytes this process has caused to be sent to a disk so
// far (proc(5), /proc/pid/io, write_bytes); file systems in memory count none.
func Written() (uint64, error) {
	p, err := procfs.Self()
	if err != nil {
		return 0, err
	}
	io, err := p.IO()
	return io.WriteBytes, err
}
