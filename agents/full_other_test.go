//go:build !linux

package agents_test

import (
	"testing"
	"time"
)

// fill does nothing where no file system can be mounted by a test.
func (s *storm) fill(_ *testing.T, _ *child, _ time.Duration) string { return "nothing" }
