package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"assay/models/tensor"
)

// call sends one request and reads its answer. Whatever breaks the
// conversation ends the worker.
func (w *Worker) call(ctx context.Context, q *request, ts []tensor.Tensor) (*answer, []tensor.Tensor, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.gone != nil {
		return nil, nil, fmt.Errorf("%s: %w", q.Op, w.gone)
	}
	if err := ctx.Err(); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", q.Op, err) // nothing was sent: the worker is as it was
	}
	for i, t := range ts {
		if err := t.Check(); err != nil {
			return nil, nil, fmt.Errorf("%s: tensor %d: %w", q.Op, i, err)
		}
	}
	w.id++
	q.ID, q.Tensors = w.id, declare(ts)
	if w.quiet != nil && timed(q.Op) {
		w.quiet.Lock()
		defer w.quiet.Unlock()
	}
	stop := context.AfterFunc(ctx, w.Kill)
	a, out, err := w.exchange(q, ts)
	if !stop() && err == nil { // the deadline passed while the answer came: the worker is dead
		err = ctx.Err()
	}
	if err != nil {
		w.gone = w.cause(ctx, q.Op, err)
		w.Kill()
		return nil, nil, w.gone
	}
	if a.Error != nil {
		return nil, nil, &RemoteError{q.Op, oneLine(a.Error.Message), a.Error.Unsupported}
	}
	return a, out, nil
}

// timed reports whether a request is timed; what is new is, until somebody
// says otherwise. Start holds the lock for hello.
func timed(op string) bool {
	switch op {
	case opHello, opBind, opInfer, opStats, opClose:
		return false
	}
	return true
}

func (w *Worker) exchange(q *request, ts []tensor.Tensor) (*answer, []tensor.Tensor, error) {
	if err := writeFrame(w.w, q, ts); err != nil {
		return nil, nil, err
	}
	var a answer
	if err := readLine(w.r, &a); err != nil {
		return nil, nil, err
	}
	if a.ID != q.ID {
		return nil, nil, fmt.Errorf("%w: answer to request %d, wanted %d", errFrame, a.ID, q.ID)
	}
	out, err := readTensors(w.r, a.Tensors)
	return &a, out, err
}

// grace is how long a worker whose pipe broke has to be seen dead; a process
// that exits closes its pipes a moment before it can be waited for.
const grace = 2 * time.Second

// cause says what a broken conversation means: the caller gave up, the worker
// died, or it talks nonsense.
func (w *Worker) cause(ctx context.Context, op string, err error) error {
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("%s: %w: no answer before the deadline", op, ErrHung)
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", op, context.Cause(ctx))
	case errors.Is(err, errFrame) && !errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%s: %w: %w", op, ErrProtocol, err)
	}
	select {
	case <-w.done:
		if errors.Is(err, errFrame) && w.exit == nil {
			return fmt.Errorf("%s: %w: %w", op, ErrProtocol, err)
		}
		return w.death(op)
	case <-time.After(grace):
		return fmt.Errorf("%s: %w: it closed its output and lives on (%w)", op, ErrProtocol, err)
	}
}

// nonsense ends a worker whose answer is well-formed but cannot be true.
func (w *Worker) nonsense(op string, why error) error {
	err := fmt.Errorf("%s: %w: %w", op, ErrProtocol, why)
	w.mu.Lock()
	w.gone = cmpErr(w.gone, err)
	w.mu.Unlock()
	w.Kill()
	return err
}

// death says how a process that is done ended, with its last words.
func (w *Worker) death(op string) error {
	how := "exit status 0"
	if w.exit != nil {
		how = w.exit.Error()
	}
	if last := w.words.last(); last != "" {
		return fmt.Errorf("%s: %w: %s; its last words: %s", op, ErrDied, how, last)
	}
	return fmt.Errorf("%s: %w: %s", op, ErrDied, how)
}
