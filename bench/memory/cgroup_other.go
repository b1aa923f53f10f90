//go:build !linux

package memory

import "errors"

// A Cgroup is Linux's; here none can be made.
type Cgroup struct{}

// NewCgroup returns an error that wraps errors.ErrUnsupported.
func NewCgroup() (*Cgroup, error) { return nil, errors.ErrUnsupported }

// Add is never called: there is no group.
func (*Cgroup) Add(int) error { return errors.ErrUnsupported }

// Peak is never called: there is no group.
func (*Cgroup) Peak() (int64, error) { return -1, errors.ErrUnsupported }

// Remove is never called: there is no group.
func (*Cgroup) Remove() error { return nil }
