//go:build !linux

package host

// AllowedCPUs returns nil: this system cannot pin, workers run where they are put.
func AllowedCPUs() []int { return nil }
