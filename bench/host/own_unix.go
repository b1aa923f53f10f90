//go:build unix

package host

import (
	"time"

	"golang.org/x/sys/unix"
)

// ownTime returns the CPU seconds of this process and its ended children.
func ownTime() float64 {
	sum := 0.0
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		t, ok := used(who)
		if !ok {
			return 0
		}
		sum += t.Seconds()
	}
	return sum
}

// selfTime returns the CPU time of this process alone, 0 if unknown.
func selfTime() time.Duration {
	t, _ := used(unix.RUSAGE_SELF)
	return t
}

func used(who int) (time.Duration, bool) {
	var r unix.Rusage
	if unix.Getrusage(who, &r) != nil {
		return 0, false
	}
	return time.Duration(unix.TimevalToNsec(r.Utime) + unix.TimevalToNsec(r.Stime)), true
}
