//go:build !unix

package runner

import "time"

var epoch = time.Now()

// monotonic returns ns since this process began: blocks of one worker line up
// with each other, those of two workers do not.
func monotonic() int64 { return int64(time.Since(epoch)) }

func cpuTime() time.Duration { return -1 }

func peakRSS() int64 { return -1 }
