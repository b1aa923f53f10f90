// Package sandbox takes from a worker what it does not need: files other than
// its model, and the network. A model is data of somebody else's, read by a
// runtime of many thousand lines.
//
// On Linux, Landlock hides files (landlock(7), since 5.13) and a seccomp filter
// refuses sockets (seccomp(2)); neither needs a privilege, and a process that
// has lost something cannot get it back. The restrictions are those of one
// thread, and pass to the processes that it starts: nothing is asked of the
// worker, and its start takes longer by the system calls here alone.
package sandbox

import "strings"

// A Sandbox says what a process may see beside the system's own programs and
// libraries: nothing can be written.
type Sandbox struct {
	Read []string // files, and folders with all that is in them
}

// A Support says what this system can refuse.
type Support struct {
	Files   int    `json:"files"`   // version of Landlock, 0 without
	Network bool   `json:"network"` // by a seccomp filter
	Why     string `json:"why,omitempty"`
}

// Any reports whether anything can be refused.
func (s Support) Any() bool { return s.Files > 0 || s.Network }

// String says it for people: what a worker is kept from.
func (s Support) String() string {
	var parts []string
	if s.Files > 0 {
		parts = append(parts, "files")
	}
	if s.Network {
		parts = append(parts, "network")
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}
