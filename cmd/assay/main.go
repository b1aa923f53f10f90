// Assay answers one question for people who ship neural networks to real
// devices: did compressing this model pay, on this device, and is it still
// true tonight? This file is the command's entry; every subcommand has a file
// of its own.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// version is set by the linker: make build.
var version = "unknown"

// Exit codes (docs/design.md, "Verdict and gates").
const (
	exitFail        = 1   // a gate failed
	exitUsage       = 2   // usage or I/O
	exitUndecided   = 3   // inconclusive, untrusted, error, skip, nothing judged
	exitInterrupted = 130 // Ctrl-C: what was measured is stored and printed
)

// An exitError ends the command with a code; its message may be empty, when
// everything has been said already.
type exitError struct {
	code int
	msg  string
}

func (e exitError) Error() string { return e.msg }

func main() {
	ctx, stop := interruptible()
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// interruptible returns a context that ends when somebody wants assay to end.
func interruptible() (context.Context, context.CancelFunc) {
	ends := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // nohup ignores it
		ends = append(ends, syscall.SIGHUP) // the terminal is gone: what was prepared is put back
	}
	return signal.NotifyContext(context.Background(), ends...)
}

// run executes the command line args and returns the exit code. stdout gets
// data, stderr talk.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRoot(stdout, stderr)
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	code := exitUsage
	var e exitError
	if errors.As(err, &e) {
		code = e.code
	}
	if msg := strings.TrimSpace(err.Error()); msg != "" {
		fmt.Fprintf(stderr, "%s: %s\n", strings.ReplaceAll(cmd.CommandPath(), " ", ": "), msg)
	}
	return code
}

func newRoot(stdout, stderr io.Writer) *cobra.Command {
	root := &cobra.Command{
		Use:   "assay",
		Short: "Did compressing this model pay, on this device?",
		Long: `Assay measures a baseline and its compressed variants side by side on this
device (accuracy, latency, memory, size), with ONNX Runtime and with native Go
kernels, and gives one verdict with stated certainty.

  assay run --suite quick             the suite that comes with it
  assay run base.onnx small.onnx      two files, no suite
  assay compress model.onnx --to int8-qdq --calibrate photos/
  assay gate --suite release          exit 0 ship, 1 do not, 3 not enough evidence`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       version,
	}
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return exitError{exitUsage, fmt.Sprintf("%s (see '%s --help')", flagMistake(err), c.CommandPath())}
	})
	root.AddCommand(
		newRun(), newWhy(), newGate(), newCompare(), newCompress(), newSensitivity(), newReport(), newHistory(), newRegressions(), newAck(), newExport(), newImport(), newStore(), newPush(), newSuites(), newModels(),
		newKernels(), newDoctor(), newSetup(), newHub(), newAgent(), newDispatch(), newFleet(),
		newWorker(), newVersion(), newMan(),
	)
	return root
}

// wanted says what a flag of a type takes (pflag's names of the types).
var wanted = map[string]string{
	"int": "a whole number", "int64": "a whole number", "float64": "a number", "bool": "true or false",
	"intSlice": "whole numbers such as 1,4", "float64Slice": "numbers such as 0.5,0.9", "duration": "a time such as 90s, 10m or 1h30m",
}

// flagMistake says what was wrong with a flag: of a value, what is wanted.
func flagMistake(err error) string {
	var bad *pflag.InvalidValueError
	if errors.As(err, &bad) {
		if want := wanted[bad.GetFlag().Value.Type()]; want != "" {
			return fmt.Sprintf("--%s %q: want %s", bad.GetFlag().Name, bad.GetValue(), want)
		}
	}
	return err.Error()
}

// usage returns an error that exits 2.
func usage(format string, a ...any) error { return exitError{exitUsage, fmt.Sprintf(format, a...)} }
