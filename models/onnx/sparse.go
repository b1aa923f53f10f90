package onnx

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"assay/models/tensor"
)

// sparsest is how many elements a sparse tensor may have for each that it
// stores, so that a small file cannot fill the memory.
const sparsest = 1 << 12

// sparse reads a SparseTensorProto into a dense initializer
// (onnx/onnx.proto: values, indices into the flat tensor or one for each
// dimension, dims).
func (d *decoder) sparse(f field, t *Initializer) error {
	var b []byte
	if err := f.bytes(&b); err != nil {
		return err
	}
	var values, indices Initializer
	var dims []int64
	err := fields(b, func(f field) error {
		switch f.num {
		case 1:
			return at("values", d.tensor(f, &values.Tensor, &values))
		case 2:
			return at("indices", d.tensor(f, &indices.Tensor, &indices))
		case 3:
			return at("dims", f.ints(&dims))
		}
		return nil
	})
	if err == nil {
		t.Name, t.Sparse, t.External = values.Name, true, values.External || indices.External
		t.Tensor, err = dense(values.Tensor, indices.Tensor, dims)
	}
	if err != nil && values.Name != "" {
		return fmt.Errorf("tensor %q: %w", values.Name, err)
	}
	return err
}

// dense makes a tensor of dims from its values [n] and their places, [n] or
// [n, rank].
func dense(values, indices tensor.Tensor, dims []int64) (tensor.Tensor, error) {
	shape, total, err := elements(dims)
	out := tensor.Tensor{Type: values.Type, Shape: shape}
	if err != nil {
		return out, err
	}
	size := values.Type.Bits() / 8
	if values.Type.Bits()%8 != 0 || size == 0 || len(values.Shape) != 1 {
		return out, fmt.Errorf("its values are %v%v, wants one dimension of whole bytes", values.Type, values.Shape)
	}
	n := values.Shape[0]
	linear := len(indices.Shape) == 1
	if indices.Type != tensor.Int64 || len(indices.Shape) == 0 || indices.Shape[0] != n || !linear && (len(indices.Shape) != 2 || indices.Shape[1] != len(dims)) {
		return out, fmt.Errorf("its places are %v%v, wants int64[%d] or int64[%d %d]", indices.Type, indices.Shape, n, n, len(dims))
	}
	if total/sparsest > n {
		return out, fmt.Errorf("it stores %d of %d elements; fewer than one in %d are refused", n, total, sparsest)
	}
	out.Data = make([]byte, total*size)
	place := func(i int) int64 { return int64(binary.LittleEndian.Uint64(indices.Data[8*i:])) }
	last := int64(-1)
	for i := range n {
		at := int64(0)
		if linear {
			at = place(i)
		} else {
			for j, v := range dims {
				k := place(i*len(dims) + j)
				if k < 0 || k >= v {
					return out, fmt.Errorf("value %d lies at %d of %d in dimension %d", i, k, v, j)
				}
				at = at*v + k
			}
		}
		if at <= last || at >= int64(total) {
			return out, fmt.Errorf("value %d lies at %d of %d, after one at %d: places must rise", i, at, total, last)
		}
		last = at
		copy(out.Data[int(at)*size:], values.Data[i*size:(i+1)*size])
	}
	return out, nil
}

// stored returns the values of t that are not zero and their places; false
// where that is no smaller than t itself, or its elements are no whole bytes.
func stored(t tensor.Tensor) (values tensor.Tensor, places []int64, ok bool) {
	size := t.Type.Bits() / 8
	if size == 0 || t.Type.Bits()%8 != 0 || len(t.Shape) == 0 {
		return values, nil, false
	}
	zero := make([]byte, size)
	values.Type = t.Type
	for i := 0; i < len(t.Data); i += size {
		if e := t.Data[i : i+size]; !bytes.Equal(e, zero) {
			values.Data, places = append(values.Data, e...), append(places, int64(i/size))
		}
	}
	values.Shape = []int{len(places)}
	few := len(places) > len(t.Data)/size/sparsest // else it could not be read again
	return values, places, few && len(values.Data)+8*len(places) < len(t.Data)
}

// putSparse appends a SparseTensorProto.
func putSparse(b []byte, name string, values tensor.Tensor, places []int64, shape []int) []byte {
	b = message(b, 1, func(b []byte) []byte { return putTensor(b, name, values) })
	at := make([]byte, 0, 8*len(places))
	for _, p := range places {
		at = binary.LittleEndian.AppendUint64(at, uint64(p))
	}
	b = message(b, 2, func(b []byte) []byte {
		return putTensor(b, "", tensor.Tensor{Type: tensor.Int64, Shape: []int{len(places)}, Data: at})
	})
	return putInts(b, 3, shape)
}
