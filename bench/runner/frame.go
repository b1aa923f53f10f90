package runner

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"assay/models/tensor"
)

// Bounds of a frame, so that nonsense cannot exhaust memory.
const (
	maxLine    = 1 << 20 // bytes of the JSON line
	maxTensors = 1 << 16
	maxRank    = 16
	maxPayload = 1<<31 - 1 // bytes of all tensors together, an int everywhere
	firstChunk = 1 << 20   // a tensor's memory grows with the bytes that really arrive
)

// errFrame marks what no well-behaved peer sends.
var errFrame = errors.New("bad frame")

// A shape declares a tensor whose bytes follow the line.
type shape struct {
	Type  string `json:"type"`
	Shape []int  `json:"shape"`
}

func declare(ts []tensor.Tensor) []shape {
	if len(ts) == 0 {
		return nil
	}
	out := make([]shape, len(ts))
	for i, t := range ts {
		dims := t.Shape
		if dims == nil {
			dims = []int{}
		}
		out[i] = shape{t.Type.String(), dims}
	}
	return out
}

// size returns the element type and the number of bytes of a declared tensor.
func (s shape) size() (tensor.Type, int64, error) {
	t, err := tensor.ParseType(s.Type)
	if err != nil {
		return 0, 0, err
	}
	if t.Bits() == 0 {
		return 0, 0, fmt.Errorf("tensors of %s do not travel", s.Type)
	}
	if len(s.Shape) > maxRank {
		return 0, 0, fmt.Errorf("tensor of %d dimensions, at most %d", len(s.Shape), maxRank)
	}
	n := int64(1)
	for _, d := range s.Shape {
		if d < 0 || int64(d) > maxPayload {
			return 0, 0, fmt.Errorf("dimension %d in shape %v", d, s.Shape)
		}
		if n *= int64(d); n > maxPayload {
			return 0, 0, fmt.Errorf("shape %v is too large", s.Shape)
		}
	}
	bytes := (n*int64(t.Bits()) + 7) / 8
	if bytes > maxPayload {
		return 0, 0, fmt.Errorf("shape %v is too large", s.Shape)
	}
	return t, bytes, nil
}

// writeFrame sends v as one JSON line, then the bytes of ts, which v declares.
func writeFrame(w *bufio.Writer, v any, ts []tensor.Tensor) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if len(line) >= maxLine {
		return fmt.Errorf("%w: line of %d bytes, at most %d", errFrame, len(line), maxLine)
	}
	if _, err := w.Write(append(line, '\n')); err != nil {
		return err
	}
	for _, t := range ts {
		if _, err := w.Write(t.Data); err != nil {
			return err
		}
	}
	return w.Flush()
}

// readLine reads one JSON line into v. io.EOF means that the peer ended
// between two frames.
func readLine(r *bufio.Reader, v any) error {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > maxLine {
			return fmt.Errorf("%w: line longer than %d bytes", errFrame, maxLine)
		}
		line = append(line, part...)
		if err == nil {
			break
		}
		if err == io.EOF && len(line) > 0 {
			return fmt.Errorf("%w: the line %s is cut off: %w", errFrame, quote(line), io.ErrUnexpectedEOF)
		}
		if err != bufio.ErrBufferFull {
			return err
		}
	}
	if err := json.Unmarshal(line, v); err != nil {
		return fmt.Errorf("%w: %s: %v", errFrame, quote(line), err)
	}
	return nil
}

// readTensors reads the tensors that a line declared. Their data are aligned.
func readTensors(r io.Reader, decl []shape) ([]tensor.Tensor, error) {
	if len(decl) == 0 {
		return nil, nil
	}
	if len(decl) > maxTensors {
		return nil, fmt.Errorf("%w: %d tensors, at most %d", errFrame, len(decl), maxTensors)
	}
	types := make([]tensor.Type, len(decl))
	sizes := make([]int64, len(decl))
	var sum int64
	for i, d := range decl {
		var err error
		if types[i], sizes[i], err = d.size(); err != nil {
			return nil, fmt.Errorf("%w: tensor %d: %v", errFrame, i, err)
		}
		if sum += sizes[i]; sum > maxPayload {
			return nil, fmt.Errorf("%w: tensors of more than %d bytes in one frame", errFrame, int64(maxPayload))
		}
	}
	out := make([]tensor.Tensor, len(decl))
	for i := range decl {
		data, err := readBytes(r, sizes[i])
		if err != nil {
			return nil, fmt.Errorf("%w: tensor %d of %d is cut off: %w", errFrame, i, len(decl), err)
		}
		out[i] = tensor.Tensor{Type: types[i], Shape: append([]int{}, decl[i].Shape...), Data: data}
	}
	return out, nil
}

// readBytes reads n bytes into aligned memory that grows as they arrive.
func readBytes(r io.Reader, n int64) ([]byte, error) {
	buf := tensor.Aligned(int(min(n, firstChunk)))
	have := 0
	for {
		k, err := io.ReadFull(r, buf[have:])
		have += k
		if err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		if int64(have) == n {
			return buf, nil
		}
		next := tensor.Aligned(int(min(n, 2*int64(have))))
		copy(next, buf)
		buf = next
	}
}

// quote shortens a peer's bytes for an error message.
func quote(b []byte) string {
	const most = 80
	if len(b) > most {
		return fmt.Sprintf("%q…", b[:most])
	}
	return fmt.Sprintf("%q", b)
}
