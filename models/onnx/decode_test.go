package onnx

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"assay/models/tensor"
)

// small returns a model with every kind of field: x → Conv → Relu → If.
func small() *Model {
	branch := func(op string) *Graph {
		return &Graph{
			Name:    op,
			Nodes:   []*Node{{Name: op, Op: op, Inputs: []string{"r"}, Outputs: []string{op + "_out"}}},
			Outputs: []ValueInfo{{Name: op + "_out", Type: tensor.Float32}},
		}
	}
	return &Model{
		IRVersion: 8, Producer: "test", ProducerVersion: "1", Domain: "d", Version: 3, Doc: "doc",
		Opsets:   []Opset{{"", 13}, {"com.microsoft", 1}},
		Metadata: map[string]string{"b": "2", "a": "1", "c": ""},
		Graph: &Graph{
			Name: "g", Doc: "graph",
			Nodes: []*Node{
				{Name: "conv", Op: "Conv", Inputs: []string{"x", "w", ""}, Outputs: []string{"c"}, Doc: "n", Attrs: []Attr{
					IntsAttr("pads", 1, 1, 1, 1), IntAttr("group", 1), IntsAttr("none"),
					StringAttr("auto_pad", "NOTSET"), FloatAttr("alpha", 0), FloatsAttr("scales", 1, -2.5),
					{Name: "words", Type: AttrStrings, Strings: [][]byte{[]byte("a"), {}}},
					{Name: "tensors", Type: AttrTensors, Tensors: []*tensor.Tensor{{Type: tensor.Int64, Shape: []int{}, Data: make([]byte, 8)}}},
					{Name: "graphs", Type: AttrGraphs, Graphs: []*Graph{{Name: "empty"}}},
				}},
				{Name: "relu", Op: "Relu", Inputs: []string{"c"}, Outputs: []string{"r"}},
				{Name: "k", Op: "Constant", Outputs: []string{"cond"}, Attrs: []Attr{
					TensorAttr("value", tensor.From(tensor.Bool, []uint8{1})),
				}},
				{Name: "if", Op: "If", Inputs: []string{"cond"}, Outputs: []string{"y"}, Attrs: []Attr{
					GraphAttr("then_branch", branch("Identity")), GraphAttr("else_branch", branch("Neg")),
				}},
			},
			Initializers: []*Initializer{
				{Name: "w", Tensor: tensor.From(tensor.Float32, []float32{1, 2, 3, 4, 5, 6, 7, 8, 9}, 1, 1, 3, 3)},
				{Name: "half", Tensor: tensor.From(tensor.Float16, []uint16{0x3c00}, 1)},
				{Name: "nibbles", Tensor: tensor.Tensor{Type: tensor.Int4, Shape: []int{3}, Data: []byte{0x21, 0x03}}},
				{Name: "text", Tensor: tensor.Tensor{Type: tensor.String, Shape: []int{2}, Data: packStrings([][]byte{[]byte("hi"), {}})}},
			},
			Inputs:  []ValueInfo{{Name: "x", Type: tensor.Float32, HasShape: true, Shape: []Dim{{-1, "N"}, {1, ""}, {-1, ""}, {28, ""}}}},
			Outputs: []ValueInfo{{Name: "y", Type: tensor.Float32}},
			Values:  []ValueInfo{{Name: "r", Type: tensor.Float32, HasShape: true, Shape: []Dim{{0, ""}}}},
		},
	}
}

func encode(t *testing.T, m *Model) []byte {
	t.Helper()
	b, err := Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRoundTrip(t *testing.T) {
	b := encode(t, small())
	m, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	if again := encode(t, m); !bytes.Equal(b, again) {
		t.Errorf("encoded again: %d bytes, first %d, or others", len(again), len(b))
	}
	want := small()
	if got := m.Graph.Nodes[0].Attrs; !reflect.DeepEqual(got[0], want.Graph.Nodes[0].Attrs[0]) {
		t.Errorf("pads = %+v", got[0])
	}
	if !reflect.DeepEqual(m.Graph.Inputs, want.Graph.Inputs) || !reflect.DeepEqual(m.Graph.Values, want.Graph.Values) {
		t.Errorf("inputs %+v, values %+v", m.Graph.Inputs, m.Graph.Values)
	}
	if !reflect.DeepEqual(m.Metadata, want.Metadata) || !reflect.DeepEqual(m.Opsets, want.Opsets) {
		t.Errorf("metadata %v, opsets %v", m.Metadata, m.Opsets)
	}
	for i, x := range want.Graph.Initializers {
		got := m.Graph.Initializers[i]
		if got.Name != x.Name || got.Type != x.Type || !reflect.DeepEqual(got.Shape, x.Shape) || !bytes.Equal(got.Data, x.Data) {
			t.Errorf("initializer %d is %+v, want %+v", i, got, x)
		}
	}
	words, err := Strings(m.Graph.Initializer("text").Tensor)
	if err != nil || len(words) != 2 || string(words[0]) != "hi" {
		t.Errorf("strings %q, %v", words, err)
	}
}

// TestTruncated cuts a model at every byte: an error or, where the cut falls
// between two fields, a shorter model, never a panic.
func TestTruncated(t *testing.T) {
	b := encode(t, small())
	bad := 0
	for i := range b {
		m, err := Decode(b[:i:i])
		if err != nil {
			bad++
			continue
		}
		if _, err := Encode(m); err != nil {
			t.Errorf("cut at %d: decoded, but %v", i, err)
		}
	}
	if bad < len(b)*9/10 {
		t.Errorf("only %d of %d cuts are errors", bad, len(b))
	}
}

// tag and nest write protobuf by hand.
func nest(num protowire.Number, parts ...[]byte) []byte {
	return putBytes(nil, num, bytes.Join(parts, nil))
}

func varint(num protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, num, protowire.VarintType), v)
}

func fixed32(num protowire.Number, v ...uint32) (b []byte) {
	for _, x := range v {
		b = protowire.AppendFixed32(protowire.AppendTag(b, num, protowire.Fixed32Type), x)
	}
	return b
}

// model wraps the fields of a graph.
func modelBytes(graph ...[]byte) []byte {
	return append(varint(1, 8), nest(7, graph...)...)
}

func TestDecodeErrors(t *testing.T) {
	deep := nest(2, []byte("inner"))
	for range maxDepth {
		deep = nest(1, nest(5, nest(1, []byte("body")), nest(6, deep)))
	}
	name := nest(8, []byte("w"))
	for _, tt := range []struct {
		name string
		in   []byte
		want string
	}{
		{"empty", nil, "not an ONNX model: the file is empty"},
		{"text", []byte("hello, world\n"), "not an ONNX model: text"},
		{"text cut in a rune", []byte("größe")[:3], "not an ONNX model: text"},
		{"zip", []byte("PK\x03\x04\x14\x00\x00\x00\x08\x00"), "not an ONNX model: a zip archive"},
		{"png", []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"), "not an ONNX model: a PNG image"},
		{"tflite", []byte("\x1c\x00\x00\x00TFL3\x00\x00"), "not an ONNX model: a TensorFlow Lite model"},
		{"zeros", make([]byte, 100), "not an ONNX model: it holds zeros only"},
		{"lfs", []byte("version https://git-lfs.github.com/spec/v1\noid sha256:00"), "a Git LFS pointer"},
		{"noise", []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, "not an ONNX model"},
		{"no graph", varint(1, 8), "no graph in it"},
		{"cut graph", modelBytes(nest(2, bytes.Repeat([]byte("g"), 90)))[:50], "decode ONNX model: truncated: field 7 says 92 bytes, 46 are left"},
		{"cut attribute", modelBytes(nest(1, nest(3, []byte("Conv_3")), nest(5, nest(1, []byte("pads")), nest(8, []byte{0x80})))), `node 0 "Conv_3": attribute "pads": truncated`},
		{"wrong wire type", modelBytes(nest(1, varint(4, 7))), `node 0 "": op_type: field 4 has wire type 0, wants 2`},
		{"deep", modelBytes(deep), "graphs are nested more than 32 deep"},
		{"huge dims", modelBytes(nest(5, name, varint(1, 1<<39), varint(1, 1<<39), varint(2, 1))), `initializer 0: tensor "w": shape [549755813888 549755813888] is too large`},
		{"negative dim", modelBytes(nest(5, name, varint(1, 1<<64-1), varint(2, 1))), `tensor "w": dimension 0 is -1`},
		{"too few data", modelBytes(nest(5, name, varint(1, 4), varint(2, 1), nest(9, make([]byte, 8)))), `tensor "w": float32[4] has 8 bytes, wants 16`},
		{"no data", modelBytes(nest(5, name, varint(1, 4), varint(2, 7))), `tensor "w": int64[4] has 0 bytes, wants 32`},
		{"odd floats", modelBytes(nest(5, name, varint(1, 1), varint(2, 1), nest(4, []byte{1, 2, 3}))), `float_data: truncated: 3 bytes`},
		{"strings", modelBytes(nest(5, name, varint(1, 2), varint(2, 8), nest(6, []byte("a")))), "1 strings for shape [2]"},
		{"external", modelBytes(nest(5, name, varint(1, 2), varint(2, 1), nest(13, nest(1, []byte("location")), nest(2, []byte("w.bin"))), varint(14, 1))), `in the file "w.bin": open the model by its path`},
		{"segment", modelBytes(nest(5, name, varint(1, 1), varint(2, 1), nest(3))), "segments"},
		{"sparse, nothing in it", modelBytes(nest(15)), "sparse initializer 0: its values are"},
		{"sparse, one value of many", modelBytes(sparse([]int64{1 << 30}, []float32{1}, 5)), "fewer than one in 4096"},
		{"sparse, falling places", modelBytes(sparse([]int64{4}, []float32{1, 2}, 3, 1)), "places must rise"},
		{"sparse, outside", modelBytes(sparse([]int64{4}, []float32{1}, 4)), "value 0 lies at 4 of 4"},
		{"sparse, outside of a dimension", modelBytes(sparse([]int64{2, 3}, []float32{1}, 1, 3)), "value 0 lies at 3 of 3 in dimension 1"},
		{"sparse, places for other values", modelBytes(sparse([]int64{4}, []float32{1, 2}, 1, 2, 3)), "wants int64[2] or int64[2 1]"},
		{"negative input dim", modelBytes(nest(11, nest(1, []byte("x")), nest(2, nest(1, nest(2, nest(1, varint(1, 1<<64-5))))))), `input 0 "x": shape: dimension -5 is negative`},
		{"type number", modelBytes(nest(5, name, varint(2, 1<<40))), "element type 1099511627776 is unknown"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, err := Decode(tt.in)
			if err == nil {
				t.Fatalf("decoded %+v", m)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %q, want %q in it", err, tt.want)
			}
			if isNot := strings.Contains(tt.want, "not an ONNX"); isNot && !errors.Is(err, ErrNotONNX) {
				t.Errorf("%v does not wrap ErrNotONNX", err)
			}
		})
	}
}

// TestTypedData reads each typed field, packed and not, as raw bytes.
func TestTypedData(t *testing.T) {
	for _, tt := range []struct {
		name string
		typ  tensor.Type
		n    uint64
		data []byte
		want []byte
	}{
		{"float_data packed", tensor.Float32, 1, nest(4, []byte{0, 0, 128, 63}), []byte{0, 0, 128, 63}},
		{"float_data single", tensor.Float32, 2, fixed32(4, 1, 2), []byte{1, 0, 0, 0, 2, 0, 0, 0}},
		{"float_data mixed", tensor.Float32, 2, append(nest(4, []byte{9, 0, 0, 0}), fixed32(4, 2)...), []byte{9, 0, 0, 0, 2, 0, 0, 0}},
		{"int32 packed", tensor.Int32, 2, nest(5, []byte{1, 0xac, 0x02}), []byte{1, 0, 0, 0, 44, 1, 0, 0}}, // 0xac02 is 300, protobuf's own example
		{"int32 single", tensor.Int32, 1, varint(5, 1<<64-1), []byte{255, 255, 255, 255}},
		{"int8", tensor.Int8, 2, nest(5, []byte{5}, protowire.AppendVarint(nil, 1<<64-2)), []byte{5, 254}},
		{"float16", tensor.Float16, 1, varint(5, 0x3c00), []byte{0, 0x3c}},
		{"bool", tensor.Bool, 1, varint(5, 1), []byte{1}},
		{"nibbles", tensor.Uint4, 3, nest(5, []byte{0x21, 0x03}), []byte{0x21, 3}},
		{"int64", tensor.Int64, 1, varint(7, 3), []byte{3, 0, 0, 0, 0, 0, 0, 0}},
		{"uint32", tensor.Uint32, 1, varint(11, 1<<32-1), []byte{255, 255, 255, 255}},
		{"uint64", tensor.Uint64, 1, varint(11, 1<<64-1), bytes.Repeat([]byte{255}, 8)},
		{"double", tensor.Float64, 1, nest(10, make([]byte, 8)), make([]byte, 8)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := modelBytes(nest(5, nest(8, []byte("w")), varint(1, tt.n), varint(2, uint64(tt.typ)), tt.data))
			m, err := Decode(in)
			if err != nil {
				t.Fatal(err)
			}
			if got := m.Graph.Initializers[0].Data; !bytes.Equal(got, tt.want) {
				t.Errorf("got % x, want % x", got, tt.want)
			}
		})
	}
}

// TestUnknownFields keeps what this package does not read.
func TestUnknownFields(t *testing.T) {
	in := modelBytes(
		nest(1, nest(4, []byte("Relu")), nest(9, nest(1, []byte("k")))),                    // node metadata
		nest(11, nest(1, []byte("seq")), nest(2, nest(4, nest(1, nest(1, varint(1, 1)))))), // a sequence input
		nest(14, nest(1, []byte("q"))),                                                     // quantization_annotation
	)
	in = append(in, nest(25, []byte("\x0a\x01f"))...) // a function
	m, err := Decode(in)
	if err != nil {
		t.Fatal(err)
	}
	if got := encode(t, m); !bytes.Equal(got, in) {
		t.Errorf("got  % x\nwant % x", got, in)
	}
}

func TestSmallestModelHasNoAttributeType(t *testing.T) {
	in := modelBytes(nest(1, nest(4, []byte("Pad")), nest(5, nest(1, []byte("pads")), nest(8, []byte{1, 2}))))
	m, err := Decode(in)
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Graph.Nodes[0].Ints("pads", nil); !reflect.DeepEqual(got, []int64{1, 2}) {
		t.Errorf("pads = %v", got)
	}
}
