//go:build !linux

package energy

import "time"

// threadTime is not known here.
func threadTime() time.Duration { return -1 }
