package onnx

import (
	"errors"
	"fmt"
	"io"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// errTruncated is the cause of every error about bytes that end too soon.
var errTruncated = errors.New("truncated")

// A field is one field of a protobuf message.
type field struct {
	num protowire.Number
	typ protowire.Type
	v   uint64 // varint, fixed32 and fixed64
	b   []byte // bytes: the content
	raw []byte // tag and value, as they stand in the message
}

// fields calls f for each field of the message b, in order.
func fields(b []byte, f func(field) error) error {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return wireError(n)
		}
		x, k := field{num: num, typ: typ}, 0
		switch rest := b[n:]; typ {
		case protowire.VarintType:
			x.v, k = protowire.ConsumeVarint(rest)
		case protowire.Fixed32Type:
			var v uint32
			v, k = protowire.ConsumeFixed32(rest)
			x.v = uint64(v)
		case protowire.Fixed64Type:
			x.v, k = protowire.ConsumeFixed64(rest)
		case protowire.BytesType:
			if x.b, k = protowire.ConsumeBytes(rest); k < 0 {
				if size, m := protowire.ConsumeVarint(rest); m > 0 {
					return fmt.Errorf("%w: field %d says %d bytes, %d are left", errTruncated, num, size, len(rest)-m)
				}
			}
		default:
			k = protowire.ConsumeFieldValue(num, typ, rest)
		}
		if k < 0 {
			return wireError(k)
		}
		x.raw, b = b[:n+k], b[n+k:]
		if err := f(x); err != nil {
			return err
		}
	}
	return nil
}

// wireError turns protowire's negative length into an error.
func wireError(n int) error {
	err := protowire.ParseError(n)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errTruncated
	}
	return fmt.Errorf("not protobuf: %w", err)
}

func (f field) want(t protowire.Type) error {
	if f.typ != t {
		return fmt.Errorf("field %d has wire type %d, wants %d", f.num, f.typ, t)
	}
	return nil
}

func (f field) int(dst *int64) error {
	*dst = int64(f.v)
	return f.want(protowire.VarintType)
}

func (f field) bytes(dst *[]byte) error {
	*dst = f.b
	return f.want(protowire.BytesType)
}

func (f field) float(dst *float32) error {
	*dst = math.Float32frombits(uint32(f.v))
	return f.want(protowire.Fixed32Type)
}

// ints appends a repeated integer field, packed or not.
func (f field) ints(dst *[]int64) error {
	if f.typ != protowire.BytesType {
		*dst = append(*dst, int64(f.v))
		return f.want(protowire.VarintType)
	}
	n := 0
	for _, c := range f.b {
		if c < 0x80 {
			n++ // the last byte of a varint
		}
	}
	out := *dst
	if out == nil {
		out = make([]int64, 0, n)
	}
	for b := f.b; len(b) > 0; {
		v, k := protowire.ConsumeVarint(b)
		if k < 0 {
			return wireError(k)
		}
		out, b = append(out, int64(v)), b[k:]
	}
	*dst = out
	return nil
}

// fixed appends the little-endian bytes of a repeated fixed32 or fixed64
// field, packed or not, to dst; size is 4 or 8. The first packed field is
// aliased, not copied.
func (f field) fixed(dst *[]byte, size int) error {
	if f.typ == protowire.BytesType {
		if len(f.b)%size != 0 {
			return fmt.Errorf("%w: %d bytes are not a multiple of %d", errTruncated, len(f.b), size)
		}
		if *dst == nil {
			*dst = f.b[:len(f.b):len(f.b)]
			return nil
		}
		*dst = append(*dst, f.b...)
		return nil
	}
	if size == 4 {
		*dst = protowire.AppendFixed32(*dst, uint32(f.v))
		return f.want(protowire.Fixed32Type)
	}
	*dst = protowire.AppendFixed64(*dst, f.v)
	return f.want(protowire.Fixed64Type)
}
