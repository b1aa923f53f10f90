//go:build unix

package energy

import (
	"time"

	"golang.org/x/sys/unix"
)

// processTime returns the CPU time of this process and its ended children.
func processTime() time.Duration {
	var sum time.Duration
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var u unix.Rusage
		if unix.Getrusage(who, &u) != nil {
			return -1
		}
		sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return sum
}
