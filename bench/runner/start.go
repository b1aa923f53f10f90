package runner

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"time"

	"assay/bench/sandbox"
)

// spawn starts the process of c with pipes on stdin and stdout and its stderr
// kept in a tail.
func spawn(c Command) (*Worker, error) {
	childIn, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	out, childOut, err := os.Pipe()
	if err != nil {
		childIn.Close()
		in.Close()
		return nil, err
	}
	w := &Worker{
		cmd: exec.Command(c.Path, c.Args...), in: in, out: out, words: &tail{}, quiet: c.Quiet,
		w: bufio.NewWriterSize(in, 64<<10), r: bufio.NewReaderSize(out, 64<<10), done: make(chan struct{}),
	}
	w.cmd.Dir, w.cmd.Stdin, w.cmd.Stdout, w.cmd.Stderr = c.Dir, childIn, childOut, w.words
	w.cmd.WaitDelay = time.Second // for a grandchild that keeps stderr open
	if len(c.Env) > 0 {
		w.cmd.Env = append(os.Environ(), c.Env...)
	}
	isolate(w.cmd)
	l := launch{w.cmd, c.CPUs, make(chan error, 1)}
	if c.Sandbox == nil || !sandbox.Here().Any() {
		err = l.start()
	} else {
		err = c.Sandbox.Do(l.do, w.done)
	}
	childIn.Close()
	childOut.Close()
	if err != nil {
		in.Close()
		out.Close()
		return nil, err
	}
	go func() {
		w.exit = w.cmd.Wait()
		close(w.done)
	}()
	return w, nil
}

// A launch is a process to be started by the launcher.
type launch struct {
	cmd  *exec.Cmd
	cpus []int
	err  chan error
}

func (l launch) do() error {
	restore, err := pin(l.cpus)
	if err != nil {
		return fmt.Errorf("pin to cores %v: %w", l.cpus, err)
	}
	err = l.cmd.Start()
	if e := restore(); err == nil && e != nil {
		kill(l.cmd.Process)
		_ = l.cmd.Wait()
		return fmt.Errorf("unpin the launching thread: %w", e)
	}
	return err
}
