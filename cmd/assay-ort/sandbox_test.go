package main

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"assay/bench/engine"
	"assay/bench/engine/ortlib"
	"assay/bench/runner"
	"assay/bench/sandbox"
	"assay/models"
)

// box is what an agent lets a worker of the network see.
func box(t testing.TB) *sandbox.Sandbox {
	t.Helper()
	library(t)
	lib, err := ortlib.Find()
	if err != nil {
		t.Fatal(err)
	}
	model, err := filepath.Abs(network)
	if err != nil {
		t.Fatal(err)
	}
	return &sandbox.Sandbox{Read: []string{os.Args[0], filepath.Dir(lib), model}}
}

// TestSandbox: ONNX Runtime works on the model that it may see, and on no other.
func TestSandbox(t *testing.T) {
	b := box(t)
	if sandbox.Here().Files == 0 {
		t.Skip(sandbox.Here().Why)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	w := worker(ctx, t, b)
	defer w.Kill()
	if _, err := w.Run(ctx, 0, 5); err != nil {
		t.Error(err)
	}
	other, err := os.ReadFile(network)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "other.onnx")
	if err := os.WriteFile(path, other, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, confined := range []bool{true, false} {
		c := runner.Command{Path: os.Args[0], Env: []string{"ASSAY_ORT_TEST=worker"}}
		if confined {
			c.Sandbox = b
		}
		w, err := runner.Start(ctx, c)
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.Load(ctx, models.Artifact{Path: path, Format: "onnx"}, engine.Options{Provider: "cpu", Threads: 1, Batch: 1})
		w.Kill()
		if (err != nil) != confined {
			t.Errorf("confined %v, another model: %v", confined, err)
		}
	}
}

// BenchmarkSandbox compares the latency of a confined worker with that of a
// free one over the same model, as BenchmarkBareLoop compares a worker with a
// bare loop; docs/fleet.md holds its figures.
func BenchmarkSandbox(b *testing.B) {
	rules := box(b)
	var logs []float64
	for b.Loop() {
		logs = append(logs, confinedTrial(b, rules)...)
	}
	low, mid, high := median(logs)
	b.ReportMetric(math.Exp(mid), "confined/free")
	b.ReportMetric(math.Exp(low), "low")
	b.ReportMetric(math.Exp(high), "high")
}

// confinedTrial returns the log of confined ÷ free for each of 12 rounds of
// fresh processes.
func confinedTrial(t testing.TB, rules *sandbox.Sandbox) []float64 {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ws := []*runner.Worker{worker(ctx, t, rules), worker(ctx, t, nil)}
	for _, w := range ws {
		defer w.Kill()
		if _, err := w.Warm(ctx, 80*time.Millisecond, 5); err != nil {
			t.Fatal(err)
		}
	}
	var logs []float64
	for i := range 12 {
		var took [2]float64
		for j := range ws {
			k := (i + j) % 2 // who is first alternates
			b, err := ws[k].Run(ctx, 40*time.Millisecond, 5)
			if err != nil {
				t.Fatal(err)
			}
			took[k] = float64(b.Elapsed) / float64(b.Inferences)
		}
		logs = append(logs, math.Log(took[0]/took[1]))
	}
	return logs
}
