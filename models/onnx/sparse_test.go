package onnx

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"

	"assay/models/tensor"
)

// sparse is a sparse_initializer "w" as it stands in a file. With as many
// places as values they are flat; else one for each dimension.
func sparse(dims []int64, values []float32, places ...int64) []byte {
	var raw, at []byte
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	for _, p := range places {
		at = binary.LittleEndian.AppendUint64(at, uint64(p))
	}
	shape := [][]byte{varint(1, uint64(len(places)))}
	if len(dims) > 1 && len(places) == len(dims)*len(values) {
		shape = [][]byte{varint(1, uint64(len(values))), varint(1, uint64(len(dims)))}
	}
	parts := [][]byte{
		nest(1, varint(1, uint64(len(values))), varint(2, 1), nest(8, []byte("w")), nest(9, raw)),
		nest(2, append(shape, varint(2, 7), nest(9, at))...),
	}
	for _, d := range dims {
		parts = append(parts, varint(3, uint64(d)))
	}
	return nest(15, parts...)
}

// TestSparse reads both forms of places, and finds the same tensor in what it
// writes of them.
func TestSparse(t *testing.T) {
	want := []float32{0, 0, 0, 0, 0, 7, 0, 0, -1}
	for name, file := range map[string][]byte{
		"flat":               modelBytes(sparse([]int64{3, 3}, []float32{7, -1}, 5, 8)),
		"by their dimension": modelBytes(sparse([]int64{3, 3}, []float32{7, -1}, 1, 2, 2, 2)),
	} {
		m, err := Decode(file)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for range 2 { // as read, and as written and read again
			w := m.Graph.Initializer("w")
			if w == nil || !w.Sparse || len(w.Shape) != 2 || w.Shape[0] != 3 || !bytes.Equal(w.Data, tensor.From(tensor.Float32, want, 3, 3).Data) {
				t.Fatalf("%s: read %+v", name, w)
			}
			b, err := Encode(m)
			if err != nil {
				t.Fatal(err)
			}
			if m, err = Decode(b); err != nil {
				t.Fatalf("%s: what was written: %v", name, err)
			}
		}
	}
}

// TestSparseOnlyWhereSmaller: zeros that save nothing are written as they are,
// and so are tensors with hardly anything but zeros, which would be refused.
func TestSparseOnlyWhereSmaller(t *testing.T) {
	for _, c := range []struct{ n, set int }{{300, 100}, {8, 8}, {1 << 14, 1}, {1 << 14, 0}} {
		v := make([]float32, c.n)
		for i := range c.set {
			v[i] = 1
		}
		if _, _, ok := stored(tensor.From(tensor.Float32, v, c.n)); ok {
			t.Errorf("%d of %d values are stored apart", c.set, c.n)
		}
	}
	if _, _, ok := stored(tensor.From(tensor.Float32, make([]float32, 1)[:0], 0)); ok {
		t.Error("nothing is stored apart")
	}
	v := make([]float32, 300)
	for i := range 99 {
		v[3*i] = float32(math.Copysign(0, -1)) // is not zero to its bits
	}
	values, places, ok := stored(tensor.From(tensor.Float32, v, 300))
	if !ok || len(places) != 99 || math.Signbit(float64(tensor.Of[float32](values)[0])) != true {
		t.Errorf("%d values stored, %v", len(places), ok)
	}
}
