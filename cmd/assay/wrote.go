package main

import (
	"fmt"
	"io"

	"assay/bench/host"
	"assay/bench/unit"
)

// wrote says, when the function that it returns is called, how much this
// process has written to disks since: a card bears so much and no more. It
// says nothing where the system does not tell, or nothing was written.
func wrote(talk io.Writer) func() {
	before, err := host.Written()
	return func() {
		after, errAfter := host.Written()
		if err == nil && errAfter == nil && after > before {
			fmt.Fprintf(talk, "%s written to disk\n", unit.Format(float64(after-before), "B"))
		}
	}
}
