//go:build unix

package runner

import (
	"context"
	"errors"
	"testing"
	"time"

	"assay/models/tensor"
)

// counter counts what a worker does with Command.Quiet.
type counter struct{ locked, unlocked int }

func (c *counter) Lock()   { c.locked++ }
func (c *counter) Unlock() { c.unlocked++ }

// TestQuiet: the lock is held around what is timed, and around nothing else.
func TestQuiet(t *testing.T) {
	c := &counter{}
	cmd := command("serve")
	cmd.Quiet = c
	held := func(what string, want int) {
		t.Helper()
		if c.locked != want || c.unlocked != want {
			t.Errorf("%s: locked %d times, unlocked %d; want %d", what, c.locked, c.unlocked, want)
		}
	}
	w := start(t, cmd)
	held("start", 1)
	load(t, w, "quick", 1)
	held("load", 2)
	x := tensor.New(tensor.Float32, 1, 2)
	if err := w.Bind(patience(t), [][]tensor.Tensor{{x}}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Infer(patience(t), []tensor.Tensor{x}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Stats(patience(t)); err != nil {
		t.Fatal(err)
	}
	held("bind, infer and stats", 2)
	if _, err := w.Run(patience(t), time.Millisecond, 1); err != nil {
		t.Fatal(err)
	}
	held("a block", 3)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	w = start(t, cmd)
	load(t, w, "1h", 1)
	if err := w.Bind(patience(t), [][]tensor.Tensor{{x}}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Run(ctx, time.Millisecond, 1); !errors.Is(err, ErrHung) {
		t.Errorf("a block that hangs: %v", err)
	}
	held("start, load and a block that hangs", 6)
	if _, err := w.Run(patience(t), time.Millisecond, 1); err == nil {
		t.Error("a dead worker runs")
	}
	held("a dead worker", 6)
}
