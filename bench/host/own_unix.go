//go:build unix

package host

import "golang.org/x/sys/unix"

// ownTime returns the CPU seconds of this process and its ended children.
func ownTime() float64 {
	sum := 0.0
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var r unix.Rusage
		if unix.Getrusage(who, &r) != nil {
			return 0
		}
		sum += float64(unix.TimevalToNsec(r.Utime)+unix.TimevalToNsec(r.Stime)) / 1e9
	}
	return sum
}
