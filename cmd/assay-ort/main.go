// Command assay-ort is the ONNX Runtime worker: it serves the worker protocol
// (docs/worker-protocol.md) on stdin and stdout. assay run starts it; it is
// the only cgo program of Assay.
//
//	assay-ort            serve until stdin ends
//	assay-ort --probe    print what this runtime is and can do, as JSON
//	assay-ort --version  print the version of ONNX Runtime
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"assay/bench/engine/ort"
	"assay/bench/engine/ortlib"
	"assay/bench/runner"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

// run returns 0, 2 for wrong usage or a worker that cannot go on, and 3 where
// ONNX Runtime is absent.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("assay-ort", flag.ContinueOnError)
	fs.SetOutput(stderr)
	version := fs.Bool("version", false, "print the version of ONNX Runtime")
	probe := fs.Bool("probe", false, "print what this runtime is and can do, as JSON")
	if err := fs.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	if fs.NArg() > 0 {
		fmt.Fprintf(stderr, "assay-ort: unexpected argument %q\n", fs.Arg(0))
		return 2
	}
	if err := do(ctx, *version, *probe, stdout); err != nil {
		fmt.Fprintln(stderr, "assay-ort:", err)
		if errors.Is(err, errors.ErrUnsupported) {
			return 3
		}
		return 2
	}
	return 0
}

func do(ctx context.Context, version, probe bool, stdout io.Writer) error {
	e := ort.New(ortlib.Find)
	if !version && !probe {
		in, out, err := runner.Stdio()
		if err != nil {
			return err
		}
		return runner.Serve(ctx, in, out, e)
	}
	info, err := e.Info(ctx)
	if err != nil {
		return err
	}
	if version {
		_, err = fmt.Fprintln(stdout, info.Name, info.Build)
		return err
	}
	j := json.NewEncoder(stdout)
	j.SetIndent("", "  ")
	return j.Encode(info)
}
