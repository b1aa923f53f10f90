// Package tensor holds dense tensors: an element type, a shape and bytes. It
// is a leaf: everything that touches models or engines shares it. Bytes are
// little-endian and row-major, as in ONNX's raw_data.
package tensor

import (
	"fmt"
	"math"
	"unsafe"
)

// A Type is an element type, numbered as ONNX's TensorProto.DataType
// (onnx.proto3), so that decoding needs no table.
type Type int32

// Element types, with ONNX's numbers.
const (
	Undefined Type = 0
	Float32   Type = 1
	Uint8     Type = 2
	Int8      Type = 3
	Uint16    Type = 4
	Int16     Type = 5
	Int32     Type = 6
	Int64     Type = 7
	String    Type = 8
	Bool      Type = 9
	Float16   Type = 10
	Float64   Type = 11
	Uint32    Type = 12
	Uint64    Type = 13
	BFloat16  Type = 16
	Uint4     Type = 21
	Int4      Type = 22
)

var types = map[Type]struct {
	name string
	bits int
}{
	Float32: {"float32", 32}, Uint8: {"uint8", 8}, Int8: {"int8", 8}, Uint16: {"uint16", 16},
	Int16: {"int16", 16}, Int32: {"int32", 32}, Int64: {"int64", 64}, String: {"string", 0},
	Bool: {"bool", 8}, Float16: {"float16", 16}, Float64: {"float64", 64}, Uint32: {"uint32", 32},
	Uint64: {"uint64", 64}, BFloat16: {"bfloat16", 16}, Uint4: {"uint4", 4}, Int4: {"int4", 4},
}

// String returns the type's name, for example "float32".
func (t Type) String() string {
	if v, ok := types[t]; ok {
		return v.name
	}
	return fmt.Sprintf("type(%d)", int32(t))
}

// Bits returns the size of one element in bits; 0 for strings and unknown types.
func (t Type) Bits() int { return types[t].bits }

// ParseType returns the type called name.
func ParseType(name string) (Type, error) {
	for t, v := range types {
		if v.name == name {
			return t, nil
		}
	}
	return Undefined, fmt.Errorf("unknown element type %q", name)
}

// A Tensor is Shape elements of Type, row-major, in Data. A scalar has an
// empty shape and one element. Data may alias a mapped file: it is read-only
// unless the tensor was made by New.
type Tensor struct {
	Type  Type
	Shape []int
	Data  []byte
}

// MaxBytes bounds one tensor, so that a hostile shape cannot exhaust memory.
const MaxBytes = min(1<<40, math.MaxInt)

// Elements returns the product of shape, or an error for a negative dimension
// or a product that does not fit.
func Elements(shape []int) (int, error) {
	n := 1
	for _, d := range shape {
		if d < 0 {
			return 0, fmt.Errorf("negative dimension in shape %v", shape)
		}
		if d != 0 && n > MaxBytes/d {
			return 0, fmt.Errorf("shape %v is too large", shape)
		}
		n *= d
	}
	return n, nil
}

// Bytes returns how many bytes n elements of t take, nibbles packed.
func Bytes(t Type, n int) int { return (n*t.Bits() + 7) / 8 }

// Align is the alignment in bytes of the data of New, a cache line.
const Align = 64

// New returns a zeroed tensor whose data start at a multiple of Align. It
// panics on a shape that Elements refuses: check shapes from outside first.
func New(t Type, shape ...int) Tensor {
	n, err := Elements(shape)
	if err != nil {
		panic(err)
	}
	return Tensor{Type: t, Shape: append([]int{}, shape...), Data: Aligned(Bytes(t, n))}
}

// Aligned returns n zeroed bytes that start at a multiple of Align.
func Aligned(n int) []byte {
	b := make([]byte, n+Align)
	off := int(-uintptr(unsafe.Pointer(&b[0])) & (Align - 1))
	return b[off : off+n : off+n]
}

// Len returns the number of elements.
func (t Tensor) Len() int {
	n, err := Elements(t.Shape)
	if err != nil {
		return 0
	}
	return n
}

// Check reports a tensor whose data do not fit its type and shape.
func (t Tensor) Check() error {
	n, err := Elements(t.Shape)
	if err != nil {
		return err
	}
	if t.Type.Bits() == 0 {
		return fmt.Errorf("element type %v has no fixed size", t.Type)
	}
	if want := Bytes(t.Type, n); len(t.Data) != want {
		return fmt.Errorf("%v%v has %d bytes, wants %d", t.Type, t.Shape, len(t.Data), want)
	}
	return nil
}

// Clone returns a deep copy with aligned data.
func (t Tensor) Clone() Tensor {
	c := Tensor{Type: t.Type, Shape: append([]int{}, t.Shape...), Data: Aligned(len(t.Data))}
	copy(c.Data, t.Data)
	return c
}

// Number is what Of can view.
type Number interface {
	~float32 | ~float64 | ~uint8 | ~int8 | ~uint16 | ~int16 | ~uint32 | ~int32 | ~uint64 | ~int64
}

// Of views t's data as []T without a copy where the bytes are aligned for T,
// and as a copy where they are not. The caller knows the type: Of checks only
// that the size of T is the size of an element, and panics if it is not.
func Of[T Number](t Tensor) []T {
	var z T
	size := int(unsafe.Sizeof(z))
	if t.Type.Bits() != size*8 {
		panic(fmt.Sprintf("tensor: view of %v as %d-byte elements", t.Type, size))
	}
	n := len(t.Data) / size
	if n == 0 {
		return nil
	}
	p := unsafe.Pointer(&t.Data[0])
	if uintptr(p)%uintptr(size) == 0 {
		return unsafe.Slice((*T)(p), n)
	}
	out := make([]T, n)
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&out[0])), n*size), t.Data)
	return out
}

// From returns a tensor of the given type and shape that holds v's elements.
func From[T Number](typ Type, v []T, shape ...int) Tensor {
	t := New(typ, shape...)
	copy(Of[T](t), v)
	return t
}

// Floats returns t's elements as float64, for any numeric type (not nibbles).
func (t Tensor) Floats() ([]float64, error) {
	switch t.Type {
	case Float32:
		return widen(Of[float32](t)), nil
	case Float64:
		return widen(Of[float64](t)), nil
	case Uint8, Bool:
		return widen(Of[uint8](t)), nil
	case Int8:
		return widen(Of[int8](t)), nil
	case Uint16:
		return widen(Of[uint16](t)), nil
	case Int16:
		return widen(Of[int16](t)), nil
	case Int32:
		return widen(Of[int32](t)), nil
	case Uint32:
		return widen(Of[uint32](t)), nil
	case Int64:
		return widen(Of[int64](t)), nil
	case Uint64:
		return widen(Of[uint64](t)), nil
	case Float16:
		h := Of[uint16](t)
		out := make([]float64, len(h))
		for i, v := range h {
			out[i] = float64(Half(v))
		}
		return out, nil
	case BFloat16:
		h := Of[uint16](t)
		out := make([]float64, len(h))
		for i, v := range h {
			out[i] = float64(math.Float32frombits(uint32(v) << 16))
		}
		return out, nil
	}
	return nil, fmt.Errorf("elements of type %v are not numbers here", t.Type)
}

func widen[T Number](v []T) []float64 {
	out := make([]float64, len(v))
	for i, x := range v {
		out[i] = float64(x)
	}
	return out
}

// Half converts an IEEE 754 binary16 value to float32.
func Half(h uint16) float32 {
	sign := uint32(h&0x8000) << 16
	exp := uint32(h>>10) & 0x1f
	frac := uint32(h & 0x3ff)
	switch {
	case exp == 0x1f: // Inf, NaN
		return math.Float32frombits(sign | 0x7f800000 | frac<<13)
	case exp != 0:
		return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
	case frac == 0:
		return math.Float32frombits(sign)
	}
	f := float32(frac) / (1 << 24) // subnormal: frac × 2⁻²⁴
	if sign != 0 {
		return -f
	}
	return f
}
