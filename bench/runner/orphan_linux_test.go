package runner

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"assay/bench/engine"
	"assay/models"
	"assay/models/tensor"
)

func init() { hostMain = host }

// host starts a worker, prints its pid and lets it hang in a run.
func host() error {
	ctx := context.Background()
	w, err := Start(ctx, command("serve"))
	if err != nil {
		return err
	}
	if _, err := w.Load(ctx, models.Artifact{Path: "hang"}, engine.Options{Provider: "cpu"}); err != nil {
		return err
	}
	if err := w.Bind(ctx, [][]tensor.Tensor{pair(1, 2)}); err != nil {
		return err
	}
	fmt.Println(w.Pid())
	_, err = w.Run(ctx, 0, 1)
	return err
}

// TestHostKilled: a worker in the middle of a run dies with its host, though
// the host cannot say goodbye.
func TestHostKilled(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "FAKE_WORKER=host")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, 0); err != nil {
		t.Fatalf("the worker is not there: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	for deadline := time.Now().Add(10 * time.Second); !dead(pid); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			t.Fatalf("worker %d outlives its host", pid)
		}
	}
}

// dead reports whether pid is gone, or a zombie that nobody has waited for.
func dead(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return true
	}
	_, after, _ := strings.Cut(string(b), ") ")
	return strings.HasPrefix(after, "Z") || strings.HasPrefix(after, "X")
}
