package main

import (
	"fmt"
	"io"

	"assay/bench/host"

	"github.com/spf13/cobra"
)

// held is a device whose clock is held for a run, or is not.
type held struct {
	p      *host.Preparation // nil without --prepare
	doubts []string
	talk   io.Writer
}

// hold puts back what a killed run left and, with --prepare, holds the clock.
// What cannot be done is a doubt: the run goes on.
func (f *runFlags) hold(c *cobra.Command) *held {
	h := &held{talk: c.ErrOrStderr()}
	said, err := host.RecoverHere()
	h.say(said...)
	if err != nil {
		h.doubts = append(h.doubts, err.Error())
	}
	if f.prepare {
		h.prepare("/", host.StateDir())
		if did := h.p.Did(); did != "" {
			h.say("the clock is held for this run: " + did)
		}
	}
	h.say(h.doubts...)
	return h
}

// prepare holds the clock of the system under root.
func (h *held) prepare(root, dir string) {
	var more []string
	h.p, more = host.Prepare(root, dir)
	h.doubts = append(h.doubts, more...)
}

// note enters into the device's facts what was set.
func (h *held) note(d *device) {
	if h.p != nil && h.p.Did() != "" {
		d.Facts["prepared"] = h.p.Did()
	}
}

// end puts everything back. It is deferred, so that it also runs in a panic.
func (h *held) end() {
	if h.p != nil {
		h.say(h.p.Restore()...)
	}
}

func (h *held) say(lines ...string) {
	for _, l := range lines {
		fmt.Fprintf(h.talk, "assay: %s\n", l)
	}
}
