package onnx

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"assay/models/tensor"
)

// maxFile is protobuf's bound on a message, 2 GiB.
const maxFile = math.MaxInt32

// Encode returns m as an ONNX file. Equal models give equal bytes: map keys
// are sorted and all tensors become raw_data inside the file. Fields that
// this package does not know are written as Decode found them.
func Encode(m *Model) ([]byte, error) {
	size, err := weigh(m.Graph, 0)
	if err != nil {
		return nil, fmt.Errorf("encode ONNX model: %w", err)
	}
	if size > maxFile {
		return nil, fmt.Errorf("encode ONNX model: its tensors take %d bytes, a file holds at most %d", size, maxFile)
	}
	b := make([]byte, 0, size+size/16+4096)
	b = putInt(b, 1, m.IRVersion)
	b = putString(b, 2, m.Producer)
	b = putString(b, 3, m.ProducerVersion)
	b = putString(b, 4, m.Domain)
	b = putInt(b, 5, m.Version)
	b = putString(b, 6, m.Doc)
	b = message(b, 7, func(b []byte) []byte { return putGraph(b, m.Graph) })
	for _, o := range m.Opsets {
		b = message(b, 8, func(b []byte) []byte {
			return putInt(putString(b, 1, o.Domain), 2, o.Version)
		})
	}
	for _, k := range slices.Sorted(maps.Keys(m.Metadata)) {
		b = message(b, 14, func(b []byte) []byte {
			return putString(putString(b, 1, k), 2, m.Metadata[k])
		})
	}
	b = append(b, m.extra...)
	if len(b) > maxFile {
		return nil, fmt.Errorf("encode ONNX model: %d bytes, a file holds at most %d", len(b), maxFile)
	}
	return b, nil
}

// WriteFile writes m to path, whole or not at all: to a temporary file in the
// same folder, which is then renamed.
func WriteFile(path string, m *Model) (err error) {
	b, err := Encode(m)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write model %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // the first error is the one to tell
			err = fmt.Errorf("write model %s: %w", path, err)
		}
	}()
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = f.Chmod(0o644) // CreateTemp makes 0600; a model is for everyone
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// weigh sums the bytes of g's tensors and refuses what cannot be written.
func weigh(g *Graph, depth int) (int, error) {
	if g == nil {
		return 0, errors.New("it has no graph")
	}
	if depth++; depth > maxDepth {
		return 0, fmt.Errorf("graphs are nested more than %d deep", maxDepth)
	}
	size := 0
	for _, t := range g.Initializers {
		if err := encodable(t.Tensor); err != nil {
			return 0, fmt.Errorf("initializer %q: %w", t.Name, err)
		}
		size += len(t.Data)
	}
	for i, n := range g.Nodes {
		for _, a := range n.Attrs {
			k, err := weighAttr(a, depth)
			if err != nil {
				return 0, fmt.Errorf("%s: attribute %q: %w", n.place(i), a.Name, err)
			}
			size += k
		}
	}
	return size, nil
}

func weighAttr(a Attr, depth int) (int, error) {
	size := len(a.S)
	switch {
	case a.Type == AttrTensor && a.T == nil:
		return 0, errors.New("no tensor in it")
	case a.Type == AttrGraph && a.G == nil:
		return 0, errors.New("no graph in it")
	}
	for _, t := range append(slices.Clone(a.Tensors), a.T) {
		if t == nil {
			continue
		}
		if err := encodable(*t); err != nil {
			return 0, err
		}
		size += len(t.Data)
	}
	for _, g := range append(slices.Clone(a.Graphs), a.G) {
		if g == nil {
			continue
		}
		k, err := weigh(g, depth)
		if err != nil {
			return 0, err
		}
		size += k
	}
	return size, nil
}

// encodable reports a tensor that Decode would not read back.
func encodable(t tensor.Tensor) error {
	if t.Type == tensor.String {
		s, err := Strings(t)
		if err == nil && len(s) != t.Len() {
			err = fmt.Errorf("%d strings for shape %v", len(s), t.Shape)
		}
		return err
	}
	if t.Type.Bits() == 0 && t.Type != tensor.Undefined {
		_, err := tensor.Elements(t.Shape)
		return err
	}
	return t.Check()
}

// message appends the message that f appends, as field num. Its length is
// known only afterwards: the content then moves up by the length's size.
func message(b []byte, num protowire.Number, f func([]byte) []byte) []byte {
	b = protowire.AppendTag(b, num, protowire.BytesType)
	start := len(b)
	b = f(b)
	size := len(b) - start
	k := protowire.SizeVarint(uint64(size))
	b = append(b, make([]byte, k)...)
	copy(b[start+k:], b[start:start+size])
	protowire.AppendVarint(b[:start], uint64(size))
	return b
}

// putInt, putString and putBytes leave out zero values, as proto3 does.
func putInt(b []byte, num protowire.Number, v int64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), uint64(v))
}

func putString(b []byte, num protowire.Number, s string) []byte {
	if s == "" {
		return b
	}
	return protowire.AppendString(protowire.AppendTag(b, num, protowire.BytesType), s)
}

func putBytes(b []byte, num protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, num, protowire.BytesType), v)
}

// putInts appends a packed repeated field.
func putInts[T int | int64](b []byte, num protowire.Number, v []T) []byte {
	if len(v) == 0 {
		return b
	}
	return message(b, num, func(b []byte) []byte {
		for _, x := range v {
			b = protowire.AppendVarint(b, uint64(x))
		}
		return b
	})
}
