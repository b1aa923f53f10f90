package lock

import (
	"context"
	"errors"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

func TestTake(t *testing.T) {
	t.Setenv(Variable, filepath.Join(t.TempDir(), "lock"))
	free, err := Take(t.Context(), func() { t.Error("waits for nobody") })
	if err != nil {
		t.Fatal(err)
	}
	var waited atomic.Bool
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := Take(ctx, func() { waited.Store(true) }); !errors.Is(err, context.DeadlineExceeded) || !waited.Load() {
		t.Errorf("second: %v, waited %v; want a deadline that passed while it waited", err, waited.Load())
	}
	second := make(chan error)
	asked := make(chan struct{})
	go func() {
		free, err := Take(t.Context(), func() { close(asked) })
		if err == nil {
			free()
		}
		second <- err
	}()
	<-asked
	free()
	if err := <-second; err != nil {
		t.Errorf("after the first: %v", err)
	}
}

func TestTakeElsewhere(t *testing.T) {
	t.Setenv(Variable, filepath.Join(t.TempDir(), "no", "such", "folder"))
	if _, err := Take(t.Context(), func() {}); err == nil {
		t.Error("a lock in a folder that is not there is taken")
	}
}
