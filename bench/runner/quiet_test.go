//go:build unix

package runner

import (
	"testing"
	"time"

	"assay/models/tensor"
)

// counter counts what a worker does with Command.Quiet.
type counter struct{ locked, unlocked int }

func (c *counter) Lock()   { c.locked++ }
func (c *counter) Unlock() { c.unlocked++ }

// TestQuiet: the lock is held around blocks, whatever becomes of them, and
// around nothing else.
func TestQuiet(t *testing.T) {
	c := &counter{}
	cmd := command("serve")
	cmd.Quiet = c
	w := start(t, cmd)
	load(t, w, "quick", 1)
	x := tensor.New(tensor.Float32, 1, 2)
	if err := w.Bind(patience(t), [][]tensor.Tensor{{x}}); err != nil {
		t.Fatal(err)
	}
	if c.locked != 0 {
		t.Errorf("locked %d times before the first block", c.locked)
	}
	for range 2 {
		if _, err := w.Run(patience(t), time.Millisecond, 1); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Infer(patience(t), []tensor.Tensor{x}); err != nil {
		t.Fatal(err)
	}
	w.Kill()
	if _, err := w.Run(patience(t), time.Millisecond, 1); err == nil {
		t.Error("a dead worker runs")
	}
	if c.locked != 3 || c.unlocked != 3 {
		t.Errorf("locked %d times, unlocked %d; want 3 blocks", c.locked, c.unlocked)
	}
}
