package bench

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"assay/bench/task"
	"assay/models/tensor"
)

// outputs is what a case answered to every sample, in the order of the data.
type outputs struct {
	answers []int
	values  [][]float32 // the first output, flattened
	labels  []int
}

// correct counts the samples whose answer is the label.
func (o *outputs) correct() int {
	n := 0
	for i, a := range o.answers {
		if a == o.labels[i] {
			n++
		}
	}
	return n
}

func (o *outputs) labelled() bool { return len(o.labels) > 0 && o.labels[0] >= 0 }

// accuracy lets every case of a group answer the same samples, on all cores:
// one worker of one thread per core, each with its share of the samples.
func (s *session) accuracy(ctx context.Context, m *measured, fam task.Family) {
	live := m.live()
	for i, c := range live {
		if c.control || ctx.Err() != nil {
			continue
		}
		s.step("accuracy", m.name(), float64(i)/float64(len(live)), "%s", c.Variant)
		err := s.answer(ctx, c, fam)
		if err != nil && ctx.Err() == nil && c.again(err) {
			err = s.answer(ctx, c, fam)
		}
		if err != nil && ctx.Err() == nil {
			c.fail(fmt.Errorf("accuracy: %w", err), "")
		}
	}
	s.done++
}

// answer runs all samples through workers of c.
func (s *session) answer(ctx context.Context, c *candidate, fam task.Family) error {
	n := runtime.NumCPU()
	var out *outputs
	var wg sync.WaitGroup
	errs := make([]error, n)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for k := range n {
		w, err := s.openOnce(ctx, c, nil, 1)
		if err != nil {
			if w != nil {
				w.Kill()
			}
			errs[k] = err
			cancel()
			break
		}
		d, err := s.Data(c.Case, w.load.In)
		if err != nil {
			w.Kill()
			errs[k] = err
			cancel()
			break
		}
		if out == nil {
			out = &outputs{answers: make([]int, d.Len()), values: make([][]float32, d.Len()), labels: make([]int, d.Len())}
		}
		wg.Go(func() {
			defer w.end(ctx)
			if errs[k] = s.shard(ctx, c, w, d, fam, out, k, n); errs[k] != nil {
				cancel()
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	c.out = out
	return nil
}

// shard answers every n-th batch of samples, starting with the k-th. Shards
// write disjoint elements of out.
func (s *session) shard(ctx context.Context, c *candidate, w *worker, d Dataset, fam task.Family, out *outputs, k, n int) error {
	for first := k * c.Batch; first < d.Len(); first += n * c.Batch {
		parts := make([][]tensor.Tensor, c.Batch)
		for j := range parts {
			in, err := d.Input(min(first+j, d.Len()-1)) // the last batch is filled up with its last sample
			if err != nil {
				return err
			}
			parts[j] = in
		}
		in, err := stack(parts)
		if err != nil {
			return err
		}
		inferCtx, cancel := context.WithTimeout(ctx, runDeadline)
		got, err := w.Infer(inferCtx, in)
		cancel()
		if err != nil {
			return err
		}
		for j := 0; j < c.Batch && first+j < d.Len(); j++ {
			one, err := unstack(got, j, c.Batch)
			if err != nil {
				return err
			}
			i := first + j
			if out.answers[i], err = fam.Answer(one); err != nil {
				return fmt.Errorf("sample %d: %w", i, err)
			}
			out.labels[i] = d.Label(i)
			if out.values[i], err = flat(one[0]); err != nil {
				return fmt.Errorf("sample %d: %w", i, err)
			}
		}
	}
	return nil
}

// unstack returns row j of every output of a batch.
func unstack(out []tensor.Tensor, j, batch int) ([]tensor.Tensor, error) {
	if batch == 1 {
		return out, nil
	}
	rows := make([]tensor.Tensor, len(out))
	for i, t := range out {
		if len(t.Shape) == 0 || t.Shape[0] != batch || len(t.Data)%batch != 0 {
			return nil, fmt.Errorf("output %d has shape %v, which does not begin with the batch of %d", i, t.Shape, batch)
		}
		size := len(t.Data) / batch
		shape := append([]int{1}, t.Shape[1:]...)
		rows[i] = tensor.Tensor{Type: t.Type, Shape: shape, Data: t.Data[j*size : (j+1)*size]}
	}
	return rows, nil
}

func flat(t tensor.Tensor) ([]float32, error) {
	v, err := t.Floats()
	if err != nil {
		return nil, err
	}
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = float32(x)
	}
	return out, nil
}
