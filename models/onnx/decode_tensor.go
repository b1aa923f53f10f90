package onnx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"

	"assay/models/tensor"
)

// external reads length bytes at offset of the file location; length −1 is
// up to the end of the file.
type external func(location string, offset, length int64) ([]byte, error)

// A rawTensor is a TensorProto as it stands in the file.
type rawTensor struct {
	dims     []int64
	typ      int64
	raw      []byte
	hasRaw   bool
	f32, f64 []byte // float_data and double_data, little-endian
	i32, i64 []int64
	u64      []int64
	strings  [][]byte
	segment  bool
	location int64
	ext      map[string]string
}

// tensor reads a TensorProto into t; init, where not nil, gets its name.
func (d *decoder) tensor(f field, t *tensor.Tensor, init *Initializer) error {
	var b []byte
	if err := f.bytes(&b); err != nil {
		return err
	}
	var r rawTensor
	var name string
	err := fields(b, func(f field) error { return d.tensorField(&r, &name, f) })
	if err == nil {
		err = d.fill(t, &r)
	}
	if init != nil {
		init.Name, init.External = name, r.location == 1
	}
	if err != nil && name != "" {
		return fmt.Errorf("tensor %q: %w", name, err)
	}
	return err
}

func (d *decoder) tensorField(r *rawTensor, name *string, f field) error {
	switch f.num {
	case 1:
		return at("dims", f.ints(&r.dims))
	case 2:
		return at("data_type", f.int(&r.typ))
	case 3:
		r.segment = true
	case 4:
		return at("float_data", f.fixed(&r.f32, 4))
	case 5:
		return at("int32_data", f.ints(&r.i32))
	case 6:
		var s []byte
		err := f.bytes(&s)
		r.strings = append(r.strings, s)
		return at("string_data", err)
	case 7:
		return at("int64_data", f.ints(&r.i64))
	case 8:
		return at("name", d.str(f, name))
	case 9:
		r.hasRaw = true
		return at("raw_data", f.bytes(&r.raw))
	case 10:
		return at("double_data", f.fixed(&r.f64, 8))
	case 11:
		return at("uint64_data", f.ints(&r.u64))
	case 13:
		var key, value string
		if err := d.entry(f, &key, &value); err != nil {
			return at("external_data", err)
		}
		if r.ext == nil {
			r.ext = map[string]string{}
		}
		r.ext[key] = value
	case 14:
		return at("data_location", f.int(&r.location))
	}
	return nil // doc_string, metadata_props
}

// fill makes t of r and checks that its data have the size of its shape.
func (d *decoder) fill(t *tensor.Tensor, r *rawTensor) error {
	if r.typ < 0 || r.typ > math.MaxInt32 {
		return fmt.Errorf("element type %d is unknown", r.typ)
	}
	t.Type = tensor.Type(r.typ)
	shape, n, err := elements(r.dims)
	t.Shape = shape
	switch {
	case err != nil:
		return err
	case r.segment:
		return errors.New("its data are cut into segments, which ONNX never defined")
	case t.Type == tensor.String:
		if len(r.strings) != n {
			return fmt.Errorf("%d strings for shape %v", len(r.strings), t.Shape)
		}
		t.Data = packStrings(r.strings)
		return nil
	case r.location == 1:
		t.Data, err = d.external(t, n, r.ext)
	case r.hasRaw:
		t.Data = r.raw
	default:
		t.Data, err = typed(t.Type, r)
	}
	if err != nil || t.Type.Bits() == 0 && t.Type != tensor.Undefined {
		return err // types without a size (complex, float8) are an error when used
	}
	return t.Check()
}

// elements returns dims as a shape, and how many elements that has.
func elements(dims []int64) (shape []int, n int, err error) {
	shape = make([]int, len(dims))
	for i, v := range dims {
		if v < 0 || v > tensor.MaxBytes {
			return shape, 0, fmt.Errorf("dimension %d is %d", i, v)
		}
		shape[i] = int(v)
	}
	n, err = tensor.Elements(shape)
	return shape, n, err
}

// packStrings stores strings in a tensor's Data: each as its length, a
// varint, and its bytes. Strings reads them.
func packStrings(s [][]byte) []byte {
	var b []byte
	for _, v := range s {
		b = protowire.AppendBytes(b, v)
	}
	return b
}

// Strings returns the elements of a decoded string tensor.
func Strings(t tensor.Tensor) ([][]byte, error) {
	if t.Type != tensor.String {
		return nil, fmt.Errorf("tensor of type %v holds no strings", t.Type)
	}
	var out [][]byte
	for b := t.Data; len(b) > 0; {
		s, k := protowire.ConsumeBytes(b)
		if k < 0 {
			return nil, wireError(k)
		}
		out, b = append(out, s), b[k:]
	}
	return out, nil
}

// external reads the data of t, of n elements, from a file beside the model.
func (d *decoder) external(t *tensor.Tensor, n int, kv map[string]string) ([]byte, error) {
	loc := kv["location"]
	if d.ext == nil {
		return nil, fmt.Errorf("its data are in the file %q: open the model by its path", loc)
	}
	bits := t.Type.Bits()
	if bits == 0 {
		return nil, fmt.Errorf("external data of element type %v are not read", t.Type)
	}
	off, length := int64(0), int64(-1)
	for _, x := range []struct {
		key string
		dst *int64
	}{{"offset", &off}, {"length", &length}} {
		s, ok := kv[x.key]
		if !ok {
			continue
		}
		v, err := strconv.ParseInt(s, 10, 64)
		if err != nil || v < 0 {
			return nil, fmt.Errorf("external data: %s %q is not a number of bytes", x.key, s)
		}
		*x.dst = v
	}
	want := int64(tensor.Bytes(t.Type, n))
	if length >= 0 && length != want {
		return nil, fmt.Errorf("external data: length is %d, %v%v takes %d bytes", length, t.Type, t.Shape, want)
	}
	return d.ext(loc, off, want)
}

// typed converts the typed fields (float_data, int32_data, …) to raw bytes.
// onnx.proto3 says which field holds which type.
func typed(t tensor.Type, r *rawTensor) ([]byte, error) {
	switch t {
	case tensor.Float32:
		return r.f32, nil
	case tensor.Float64:
		return r.f64, nil
	case tensor.Int64:
		return words(r.i64, 8), nil
	case tensor.Uint64:
		return words(r.u64, 8), nil
	case tensor.Uint32:
		return words(r.u64, 4), nil
	case tensor.Int32:
		return words(r.i32, 4), nil
	case tensor.Int16, tensor.Uint16, tensor.Float16, tensor.BFloat16:
		return words(r.i32, 2), nil
	case tensor.Int8, tensor.Uint8, tensor.Bool, tensor.Int4, tensor.Uint4: // nibbles: two per element
		return words(r.i32, 1), nil
	}
	return nil, fmt.Errorf("element type %v is not read: %w", t, errors.ErrUnsupported)
}

// words returns the low size bytes of each v, little-endian.
func words(v []int64, size int) []byte {
	if size == 1 {
		b := make([]byte, len(v))
		for i, x := range v {
			b[i] = byte(x)
		}
		return b
	}
	b := tensor.Aligned(len(v) * size)
	for i, x := range v {
		switch p := b[i*size:]; size {
		case 2:
			binary.LittleEndian.PutUint16(p, uint16(x))
		case 4:
			binary.LittleEndian.PutUint32(p, uint32(x))
		default:
			binary.LittleEndian.PutUint64(p, uint64(x))
		}
	}
	return b
}
