package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"assay/bench/engine"
	"assay/bench/engine/ortlib"
	"assay/bench/runner"
	"assay/bench/sandbox"
	"assay/models"
	"assay/models/tensor"

	ort "github.com/yalue/onnxruntime_go"
)

// network is a real one: about 0.1 to 0.3 ms per inference.
const network = "../../models/zoo/resnet8/baseline.onnx"

// bare is what somebody would write to time a model without Assay: one session
// with fixed inputs and outputs, and a clock around n runs of it. It reads n
// from in, once per line, and answers with nanoseconds.
func bare(in io.Reader, out io.Writer) error {
	path, err := ortlib.Find()
	if err != nil {
		return err
	}
	ort.SetSharedLibraryPath(path)
	if err := ort.InitializeEnvironment(); err != nil {
		return err
	}
	ins, outs, err := ort.GetInputOutputInfo(network)
	if err != nil {
		return err
	}
	o, err := ort.NewSessionOptions()
	if err != nil {
		return err
	}
	for _, err := range []error{o.SetIntraOpNumThreads(1), o.SetInterOpNumThreads(1), o.SetGraphOptimizationLevel(ort.GraphOptimizationLevelEnableAll)} {
		if err != nil {
			return err
		}
	}
	x, err := floats(ins[0].Dimensions)
	if err != nil {
		return err
	}
	fill(x.GetData())
	y, err := floats(outs[0].Dimensions)
	if err != nil {
		return err
	}
	s, err := ort.NewAdvancedSession(network, []string{ins[0].Name}, []string{outs[0].Name}, []ort.Value{x}, []ort.Value{y}, o)
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	for {
		var n int
		if _, err := fmt.Fscanln(in, &n); err != nil {
			return nil // the test has ended
		}
		began := time.Now()
		for range n {
			if err := s.Run(); err != nil {
				return err
			}
		}
		fmt.Fprintln(out, int64(time.Since(began)))
	}
}

func floats(shape ort.Shape) (*ort.Tensor[float32], error) {
	if shape[0] < 0 {
		shape[0] = 1
	}
	n := int(shape.FlattenedSize())
	return ort.NewTensor(shape, tensor.Of[float32](tensor.New(tensor.Float32, n)))
}

func fill(v []float32) {
	for i := range v {
		v[i] = float32(i%17)/17 - 0.5
	}
}

// BenchmarkBareLoop compares the latency of a worker with that of a bare loop
// over the same model and library, in one interleaved run; docs/method.md holds
// its figures (wanted: within 2 %). Both are fresh processes in each trial,
// since memory layout moves a process by some tenths of a percent; what is
// reported is the median over all rounds with its 95 % interval.
func BenchmarkBareLoop(b *testing.B) {
	library(b)
	if _, err := os.Stat(network); err != nil {
		b.Skipf("the zoo is not here: %v", err)
	}
	const rounds = 12
	var logs []float64
	for b.Loop() {
		logs = append(logs, trial(b, rounds)...)
	}
	low, mid, high := median(logs)
	b.ReportMetric(math.Exp(mid), "worker/bare")
	b.ReportMetric(math.Exp(low), "low")
	b.ReportMetric(math.Exp(high), "high")
}

// median returns the median of v, which it sorts, and its 95 % interval by
// order statistics: ranks n/2 ± 0.98 √n (Conover 1999, §3.2).
func median(v []float64) (low, mid, high float64) {
	slices.Sort(v)
	n := len(v)
	k := int(math.Ceil(0.98 * math.Sqrt(float64(n))))
	return v[max(0, n/2-k)], v[n/2], v[min(n-1, n/2+k)]
}

// trial returns the log of worker ÷ bare loop for each round.
func trial(t testing.TB, rounds int) []float64 {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	w := worker(ctx, t, nil)
	defer w.Kill()
	loop, stop := bareProcess(t)
	defer stop()

	const block = 40 * time.Millisecond
	warm, err := w.Warm(ctx, 2*block, 1)
	if err != nil {
		t.Fatal(err)
	}
	n := max(1, int(block/(warm.Elapsed/time.Duration(warm.Inferences))))
	loop(n)
	loop(n)
	var logs []float64
	for i := range rounds {
		var a, b float64
		for j := range 2 {
			if (i+j)%2 == 0 { // who is first alternates
				blk, err := w.Run(ctx, 0, n)
				if err != nil {
					t.Fatal(err)
				}
				a = float64(blk.Elapsed) / float64(blk.Inferences)
			} else {
				b = loop(n)
			}
		}
		logs = append(logs, math.Log(a/b))
	}
	return logs
}

// worker starts assay-ort on the network, with the 64 input sets of a real run,
// in a sandbox where there is one.
func worker(ctx context.Context, t testing.TB, box *sandbox.Sandbox) *runner.Worker {
	t.Helper()
	w, err := runner.Start(ctx, runner.Command{Path: os.Args[0], Env: []string{"ASSAY_ORT_TEST=worker"}, CPUs: []int{0}, Sandbox: box})
	if err != nil {
		t.Fatal(err)
	}
	path, err := filepath.Abs(network)
	if err != nil {
		t.Fatal(err)
	}
	l, err := w.Load(ctx, models.Artifact{Path: path, Format: "onnx"}, engine.Options{Provider: "cpu", Threads: 1, Batch: 1})
	if err != nil {
		t.Fatal(err)
	}
	var sets [][]tensor.Tensor
	for range 64 {
		x := tensor.New(l.In[0].Type, l.In[0].Shape...)
		fill(tensor.Of[float32](x))
		sets = append(sets, []tensor.Tensor{x})
	}
	if err := w.Bind(ctx, sets); err != nil {
		t.Fatal(err)
	}
	return w
}

// bareProcess starts the bare loop, pinned like the worker, and returns a
// function that gives ns per inference of a block of n.
func bareProcess(t testing.TB) (loop func(n int) float64, stop func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	if path, err := exec.LookPath("taskset"); err == nil {
		cmd = exec.Command(path, "-c", "0", os.Args[0])
	}
	cmd.Env = append(os.Environ(), "ASSAY_ORT_TEST=bare")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	loop = func(n int) float64 {
		var ns int64
		if _, err := fmt.Fprintln(in, n); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fscanln(lines, &ns); err != nil {
			t.Fatal(err)
		}
		return float64(ns) / float64(n)
	}
	return loop, func() { in.Close(); _ = cmd.Wait() }
}
