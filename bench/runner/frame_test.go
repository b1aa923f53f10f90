package runner

import (
	"bufio"
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"assay/models/tensor"
)

func TestFrameRoundTrip(t *testing.T) {
	big := tensor.New(tensor.Uint8, firstChunk+firstChunk/2) // more than one chunk
	for i := range big.Data {
		big.Data[i] = byte(i * 7)
	}
	ts := []tensor.Tensor{
		tensor.From(tensor.Float32, []float32{1, 2, 3, 4}, 2, 2), tensor.New(tensor.Int4, 3),
		tensor.New(tensor.Float32, 0, 5), tensor.New(tensor.Bool), big,
	}
	var buf bytes.Buffer
	w := bufio.NewWriter(&buf)
	if err := writeFrame(w, &request{ID: 3, Op: opInfer, Tensors: declare(ts)}, ts); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(&buf)
	var q request
	if err := readLine(r, &q); err != nil || q.ID != 3 || q.Op != opInfer {
		t.Fatalf("%+v, %v", q, err)
	}
	got, err := readTensors(r, q.Tensors)
	if err != nil {
		t.Fatal(err)
	}
	for i := range ts {
		if got[i].Type != ts[i].Type || !slices.Equal(got[i].Shape, ts[i].Shape) || !bytes.Equal(got[i].Data, ts[i].Data) {
			t.Errorf("tensor %d: got %v%v", i, got[i].Type, got[i].Shape)
		}
		if err := got[i].Check(); err != nil {
			t.Error(err)
		}
	}
}

func TestBadFrames(t *testing.T) {
	for name, in := range map[string]string{
		"cut line":     `{"id":1`,
		"not json":     "hello\n",
		"two values":   "{}{}\n",
		"wrong type":   `{"id":"x"}` + "\n",
		"long line":    strings.Repeat("x", maxLine+1),
		"no type":      `{"tensors":[{"shape":[1]}]}` + "\n",
		"string":       `{"tensors":[{"type":"string","shape":[1]}]}` + "\n",
		"negative":     `{"tensors":[{"type":"int8","shape":[-1]}]}` + "\n",
		"overflow":     `{"tensors":[{"type":"int8","shape":[4294967296,4294967296]}]}` + "\n",
		"many bytes":   `{"tensors":[{"type":"int64","shape":[1000000000]}]}` + "\n",
		"sum":          `{"tensors":[{"type":"int8","shape":[2000000000]},{"type":"int8","shape":[2000000000]}]}` + "\n",
		"rank":         `{"tensors":[{"type":"int8","shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}]}` + "\n",
		"cut bytes":    `{"tensors":[{"type":"int8","shape":[9]}]}` + "\n1234",
		"missing tens": `{"tensors":[{"type":"int8","shape":[9]}]}` + "\n",
	} {
		if err := readOne(in); !errors.Is(err, errFrame) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func readOne(in string) error {
	r := bufio.NewReader(strings.NewReader(in))
	var q request
	if err := readLine(r, &q); err != nil {
		return err
	}
	_, err := readTensors(r, q.Tensors)
	return err
}

func TestTail(t *testing.T) {
	check := func(in, want string) {
		t.Helper()
		var w tail
		w.Write([]byte(in))
		if got := w.String(); got != want {
			t.Errorf("tail of %.40q… = %q, want %q", in, got, want)
		}
	}
	check("", "")
	check("one\ntwo\n", "one\ntwo")
	check("log\npanic: boom\n\ngoroutine 1 [running]:\nmain.main()\n", "log\npanic: boom")
	check("fatal error: all goroutines are asleep\n\ngoroutine 1:\nx", "fatal error: all goroutines are asleep")
	check("do not panic: it is fine\ngoroutine 7 said so", "do not panic: it is fine\ngoroutine 7 said so")
	check(strings.Repeat("x", 3*tailBytes)+"\nend", "end")
}
