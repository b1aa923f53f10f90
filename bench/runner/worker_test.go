//go:build unix

package runner

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"assay/bench/engine"
	"assay/models"
	"assay/models/tensor"
)

func command(kind string, env ...string) Command {
	return Command{Path: os.Args[0], Env: append(env, "FAKE_WORKER="+kind)}
}

// patience is long beside what these workers need and short beside a hang.
func patience(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func start(t *testing.T, c Command) *Worker {
	t.Helper()
	w, err := Start(patience(t), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Kill)
	return w
}

func load(t *testing.T, w *Worker, path string, batch int) Loaded {
	t.Helper()
	l, err := w.Load(patience(t), models.Artifact{Path: path}, engine.Options{Provider: "cpu", Threads: 1, Batch: batch})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestHappyPath(t *testing.T) {
	w := start(t, command("serve"))
	h := w.Hello()
	if h.Info.Name != "fake" || h.Info.Build != "7" || h.Took <= 0 || h.PID != w.Pid() {
		t.Errorf("hello = %+v, pid %d", h, w.Pid())
	}
	if want := []string{CanRun, CanServe, CanInfer, CanStats, "extra"}; !slices.Equal(h.Info.Capabilities, want) {
		t.Errorf("capabilities %v, want %v", h.Info.Capabilities, want)
	}
	l := load(t, w, "30us", 1)
	if l.Took <= 0 || l.PackedSize != 11 || l.Settings["mode"] != "30us" || l.Settings["threads"] != "1" ||
		len(l.In) != 1 || l.In[0].Name != "x" || l.In[0].Type != tensor.Float32 || !slices.Equal(l.Out[0].Shape, []int{1, 2}) {
		t.Errorf("loaded %+v", l)
	}
	ctx := patience(t)
	if err := w.Bind(ctx, [][]tensor.Tensor{pair(1, 2), pair(3, 4), pair(5, 6)}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Warm(ctx, 2*time.Millisecond, 10); err != nil {
		t.Fatal(err)
	}
	b, err := w.Run(ctx, 5*time.Millisecond, 20)
	if err != nil {
		t.Fatal(err)
	}
	checkBlock(t, b, 1, 5*time.Millisecond, 20)
	out, err := w.Infer(ctx, pair(7, -8))
	if err != nil || len(out) != 1 || !slices.Equal(tensor.Of[float32](out[0]), []float32{14, -16}) {
		t.Errorf("infer = %v, %v", out, err)
	}
	if b, err = w.Run(ctx, 0, 1); err != nil || b.Inferences != 1 {
		t.Errorf("run after infer: %+v, %v", b, err)
	}
	st, err := w.Stats(ctx)
	if err != nil || st.Heap <= 0 || st.GCs == 0 || st.Arena != 4096 {
		t.Errorf("stats = %+v, %v", st, err)
	}
	if err := w.Close(ctx); err != nil {
		t.Error(err)
	}
	if _, err := w.Run(ctx, 0, 1); !errors.Is(err, ErrClosed) {
		t.Errorf("run after close: %v", err)
	}
	if s := w.LastWords(); s != "a library that prints to stdout" {
		t.Errorf("stdout of a library came out as %q", s)
	}
}

func checkBlock(t *testing.T, b Block, per int, d time.Duration, n int) {
	t.Helper()
	var sum time.Duration
	for _, l := range b.Latencies {
		sum += l * time.Duration(b.Per)
	}
	// Latencies are differences of successive clock readings: they miss the
	// elapsed time by the rounding of the division alone.
	rounding := time.Duration(len(b.Latencies) * b.Per)
	if b.Per != per || b.Inferences != len(b.Latencies)*per || b.Inferences < n || b.Elapsed < d || sum > b.Elapsed || b.Elapsed-sum > rounding {
		t.Errorf("block of per %d, %d inferences, %d latencies with sum %v, elapsed %v; wanted per %d, ≥ %d inferences, ≥ %v",
			b.Per, b.Inferences, len(b.Latencies), sum, b.Elapsed, per, n, d)
	}
	if b.End-b.Start < int64(b.Elapsed) || b.GCs != 0 || b.CPU < 0 {
		t.Errorf("start %d, end %d, elapsed %v, gcs %d, cpu %v", b.Start, b.End, b.Elapsed, b.GCs, b.CPU)
	}
}

// TestShortInferences: an inference that is too short to be timed alone is
// timed in batches of at least 50 µs.
func TestShortInferences(t *testing.T) {
	w := start(t, command("serve"))
	load(t, w, "quick", 1)
	ctx := patience(t)
	if err := w.Bind(ctx, [][]tensor.Tensor{pair(1, 2)}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Warm(ctx, 2*time.Millisecond, 0); err != nil {
		t.Fatal(err)
	}
	b, err := w.Run(ctx, 2*time.Millisecond, 3)
	if err != nil {
		t.Fatal(err)
	}
	if b.Per < 100 || b.Per > 50000 { // the fake takes some nanoseconds, the timer less than 0.5 µs
		t.Errorf("%d inferences per latency", b.Per)
	}
	checkBlock(t, b, b.Per, 2*time.Millisecond, 3)
}

// TestProfile: what the session tells arrives, and the inputs are those that
// were bound.
func TestProfile(t *testing.T) {
	w := start(t, command("serve"))
	load(t, w, "tells", 1)
	ctx := patience(t)
	if _, err := w.Profile(ctx, 3); err == nil || !strings.Contains(err.Error(), "no inputs are bound") {
		t.Errorf("profile without inputs: %v", err)
	}
	if err := w.Bind(ctx, [][]tensor.Tensor{pair(1, 2)}); err != nil {
		t.Fatal(err)
	}
	for _, runs := range []int{0, maxProfileRuns + 1} {
		if _, err := w.Profile(ctx, runs); err == nil || !strings.Contains(err.Error(), "1 to 65536") {
			t.Errorf("profile of %d runs: %v", runs, err)
		}
	}
	p, err := w.Profile(ctx, 3)
	if err != nil {
		t.Fatal(err)
	}
	want := engine.Profile{Runs: 3, NS: 5, Resolution: 1, Nodes: []engine.Node{{Name: "double", Op: "Mul", NS: 4, MACs: 2, Bytes: 16, Fused: []string{"relu (Relu)"}}}}
	if !reflect.DeepEqual(p, want) {
		t.Errorf("profile %+v, want %+v", p, want)
	}
}

// TestErrorFrames: what a living worker refuses leaves it alive.
func TestErrorFrames(t *testing.T) {
	w := start(t, command("serve"))
	ctx := patience(t)
	check := func(err error, unsupported bool, want string) {
		t.Helper()
		var r *RemoteError
		if !errors.As(err, &r) || errors.Is(err, errors.ErrUnsupported) != unsupported || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v; wanted an error frame with %q, unsupported %v", err, want, unsupported)
		}
	}
	_, err := w.Run(ctx, 0, 1)
	check(err, false, "no model is loaded")
	_, err = w.Load(ctx, models.Artifact{Path: "x"}, engine.Options{Provider: "tpu"})
	check(err, true, `provider "tpu"`)
	_, err = w.Load(ctx, models.Artifact{Path: "broken"}, engine.Options{Provider: "cpu"})
	check(err, false, "load: broken: not a model at all")
	load(t, w, "dynamic", 1)
	_, err = w.Load(ctx, models.Artifact{Path: "quick"}, engine.Options{})
	check(err, false, "loaded already")
	_, err = w.Run(ctx, 0, 1)
	check(err, false, "no inputs are bound")
	check(w.Bind(ctx, [][]tensor.Tensor{pair(1, 2)}), true, "known only when the model has run")
	check(w.Bind(ctx, nil), false, "0 tensors")
	check(w.Bind(ctx, [][]tensor.Tensor{{tensor.New(tensor.Float32, 1, 3)}}), false, "shape [1 3], the model wants [1 2]")
	check(w.Bind(ctx, [][]tensor.Tensor{{tensor.New(tensor.Int8, 1, 2)}}), false, "int8, the model wants float32")
	_, _, err = w.call(ctx, &request{Op: opProfile, Runs: 1}, nil)
	check(err, true, "does not profile")
	_, _, err = w.call(ctx, &request{Op: "dance"}, nil)
	check(err, true, `unknown request "dance"`)
	if err := w.Bind(ctx, [][]tensor.Tensor{pair(1, 2), nil}); err == nil {
		t.Error("unequal sets were bound")
	}
	if err := w.Close(ctx); err != nil {
		t.Error(err)
	}
}

func TestAbsentEngine(t *testing.T) {
	_, err := Start(patience(t), command("serve", "FAKE_ABSENT=no library here"))
	if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "no library here") {
		t.Errorf("start: %v", err)
	}
}

func TestDeath(t *testing.T) {
	for _, c := range []struct{ mode, want string }{
		{"exit", "exit status 5; its last words: cannot go on"},
		{"panic", "its last words: panic: the model is on fire"},
		{"kill", "signal: killed"},
	} {
		t.Run(c.mode, func(t *testing.T) {
			w := start(t, command("serve"))
			path := c.mode
			if c.mode == "kill" {
				path = "hang"
				time.AfterFunc(50*time.Millisecond, func() { syscall.Kill(w.Pid(), syscall.SIGKILL) })
			}
			load(t, w, path, 1)
			ctx := patience(t)
			if err := w.Bind(ctx, [][]tensor.Tensor{pair(1, 2)}); err != nil {
				t.Fatal(err)
			}
			_, err := w.Run(ctx, 0, 1)
			if !errors.Is(err, ErrDied) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("run: %v; wanted %q", err, c.want)
			}
			if _, again := w.Stats(ctx); !errors.Is(again, ErrDied) {
				t.Errorf("after death: %v", again)
			}
			if err := w.Close(ctx); err != nil {
				t.Errorf("close after death: %v", err)
			}
		})
	}
}

func TestHang(t *testing.T) {
	w := start(t, command("serve"))
	load(t, w, "hang", 1)
	if err := w.Bind(patience(t), [][]tensor.Tensor{pair(1, 2)}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := w.Run(ctx, 0, 1); !errors.Is(err, ErrHung) {
		t.Errorf("run: %v", err)
	}
	if err := syscall.Kill(w.Pid(), 0); err == nil {
		t.Error("the hung worker lives")
	}
	if _, err := w.Run(t.Context(), 0, 1); !errors.Is(err, ErrHung) {
		t.Errorf("next call: %v", err)
	}
}

func TestCancel(t *testing.T) {
	w := start(t, command("serve"))
	load(t, w, "hang", 1)
	if err := w.Bind(patience(t), [][]tensor.Tensor{pair(1, 2)}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := w.Run(ctx, 0, 1); !errors.Is(err, context.Canceled) || errors.Is(err, ErrHung) {
		t.Errorf("run: %v", err)
	}
}

func TestSlowHello(t *testing.T) {
	w := start(t, command("slow"))
	if took := w.Hello().Took; took < 300*time.Millisecond { // it sleeps that long first
		t.Errorf("hello took %v", took)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second) // a fork on a busy machine takes a while
	defer cancel()
	if _, err := Start(ctx, command("mute")); !errors.Is(err, ErrHung) {
		t.Errorf("mute worker: %v", err)
	}
	if _, err := Start(patience(t), command("old")); !errors.Is(err, ErrProtocol) || !strings.Contains(err.Error(), "version 0") {
		t.Errorf("old worker: %v", err)
	}
	if _, err := Start(patience(t), Command{Path: "/nowhere/at-all"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("absent worker: %v", err)
	}
	if _, err := Start(patience(t), Command{Path: os.Args[0], Args: []string{"-no-such-flag"}}); !errors.Is(err, ErrDied) {
		t.Errorf("worker with a wrong flag: %v", err)
	}
}

// TestStats: what a worker leaves out is unknown, and what cannot be ends it.
func TestStats(t *testing.T) {
	w := start(t, command("terse"))
	if st, err := w.Stats(patience(t)); err != nil || st != (Stats{Heap: 5, Sys: -1, PeakRSS: -1, Arena: -1}) {
		t.Errorf("stats = %+v, %v", st, err)
	}
	w = start(t, command("in debt"))
	if st, err := w.Stats(patience(t)); !errors.Is(err, ErrProtocol) || !strings.Contains(err.Error(), "arena -7 bytes") {
		t.Errorf("stats = %+v, %v", st, err)
	}
}

func TestNonsense(t *testing.T) {
	for _, c := range []struct {
		kind string
		is   error
		want string
	}{
		{"garbage", ErrProtocol, "Segmentation fault"},
		{"wrong id", ErrProtocol, "answer to request 99, wanted 2"},
		{"oversized", ErrProtocol, "line longer than"},
		{"truncated", ErrProtocol, "tensor 0 of 1 is cut off"},
		{"negative", ErrProtocol, "dimension -4"},
		{"huge", ErrProtocol, "too large"},
		{"empty", ErrProtocol, `no "block"`},
		{"few", ErrProtocol, "1 inferences, asked for at least 2"},
		{"deaf", ErrProtocol, "lives on"},
	} {
		t.Run(c.kind, func(t *testing.T) {
			t.Parallel()
			w := start(t, command(c.kind))
			_, err := w.Run(patience(t), 0, 2)
			if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("run: %v; wanted %q", err, c.want)
			}
			if _, again := w.Stats(t.Context()); !errors.Is(again, c.is) {
				t.Errorf("next call: %v", again)
			}
		})
	}
}

func TestFloodOnStderr(t *testing.T) {
	w := start(t, command("serve"))
	load(t, w, "flood", 1)
	ctx := patience(t)
	if err := w.Bind(ctx, [][]tensor.Tensor{pair(1, 2)}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Run(ctx, 0, 3); err != nil {
		t.Error(err)
	}
	if err := w.Close(ctx); err != nil {
		t.Error(err)
	}
	if n := len(w.LastWords()); n == 0 || n > tailBytes {
		t.Errorf("%d bytes of last words", n)
	}
}

// TestProfileNonsense: a profile that cannot be ends the worker.
func TestProfileNonsense(t *testing.T) {
	for kind, want := range map[string]string{"empty": `no "profile"`, "no runs": "profile of 0 runs", "fast": "node 0 (Conv): -3 ns"} {
		w := start(t, command(kind))
		if _, err := w.Profile(patience(t), 1); !errors.Is(err, ErrProtocol) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; wanted %q", kind, err, want)
		}
	}
}

func TestClose(t *testing.T) {
	w := start(t, command("serve"))
	load(t, w, "sour", 1)
	if err := w.Close(patience(t)); err == nil || !strings.Contains(err.Error(), "leaked a lot") {
		t.Errorf("close: %v", err)
	}
	w = start(t, command("immortal"))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := w.Close(ctx); !errors.Is(err, ErrHung) {
		t.Errorf("close of an immortal: %v", err)
	}
	w.Kill()
}

// TestOrphan: the worker ends when its host does, whose pipe then closes.
func TestOrphan(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "FAKE_WORKER=serve")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
