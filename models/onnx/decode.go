package onnx

import (
	"errors"
	"fmt"
	"math"

	"assay/models/tensor"
)

// ErrNotONNX is wrapped by the errors about input that is something else.
var ErrNotONNX = errors.New("not an ONNX model")

// maxDepth bounds how deep graphs are nested (If in Loop in If …). Exporters
// stay below 5; the bound keeps hostile input off the stack.
const maxDepth = 32

// Decode reads a model from b. Tensors and attribute bytes alias b, which
// must not change afterwards. External data need the model's folder: Open
// reads them, Decode refuses them. Decode checks the form of the file and the
// size of its tensors; Check says whether the graph makes sense.
func Decode(b []byte) (*Model, error) { return decode(b, nil) }

// decode is Decode with a reader of external data, which may be nil.
func decode(b []byte, ext external) (*Model, error) {
	d := &decoder{names: map[string]string{}, ext: ext}
	m := &Model{}
	err := d.model(m, b)
	if err == nil && m.Graph == nil {
		err = errors.New("no graph in it")
	}
	if err != nil {
		if what := sniff(b); what != "" {
			return nil, fmt.Errorf("%w: %s", ErrNotONNX, what)
		}
		if m.Graph == nil && m.IRVersion == 0 {
			return nil, fmt.Errorf("%w: %w", ErrNotONNX, err)
		}
		return nil, fmt.Errorf("decode ONNX model: %w", err)
	}
	return m, nil
}

// A decoder holds what one Decode shares.
type decoder struct {
	names map[string]string // interned strings
	ext   external
	depth int
}

// str interns f's content: value names occur at every use.
func (d *decoder) str(f field, dst *string) error {
	var b []byte
	if err := f.bytes(&b); err != nil {
		return err
	}
	s, ok := d.names[string(b)]
	if !ok {
		s = string(b)
		d.names[s] = s
	}
	*dst = s
	return nil
}

func (d *decoder) strs(f field, dst *[]string) error {
	var s string
	err := d.str(f, &s)
	*dst = append(*dst, s)
	return err
}

// keep saves a field that this package does not read, so that Encode can
// write it again.
func keep(f field, dst *[]byte) error {
	*dst = append(*dst, f.raw...)
	return nil
}

// model reads a ModelProto.
func (d *decoder) model(m *Model, b []byte) error {
	return fields(b, func(f field) error {
		switch f.num {
		case 1:
			return at("ir_version", f.int(&m.IRVersion))
		case 2:
			return at("producer_name", d.str(f, &m.Producer))
		case 3:
			return at("producer_version", d.str(f, &m.ProducerVersion))
		case 4:
			return at("domain", d.str(f, &m.Domain))
		case 5:
			return at("model_version", f.int(&m.Version))
		case 6:
			return at("doc_string", d.str(f, &m.Doc))
		case 7:
			if m.Graph == nil {
				m.Graph = &Graph{}
			}
			return d.sub(f, m.Graph)
		case 8:
			var o Opset
			err := d.opset(&o, f)
			m.Opsets = append(m.Opsets, o)
			return at("opset_import", err)
		case 14:
			var key, value string
			if err := d.entry(f, &key, &value); err != nil {
				return at("metadata_props", err)
			}
			if m.Metadata == nil {
				m.Metadata = map[string]string{}
			}
			m.Metadata[key] = value
			return nil
		}
		return keep(f, &m.extra)
	})
}

// at says where err happened; nil stays nil.
func at(where string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", where, err)
}

func (d *decoder) opset(o *Opset, f field) error {
	var b []byte
	if err := f.bytes(&b); err != nil {
		return err
	}
	return fields(b, func(f field) error {
		switch f.num {
		case 1:
			return d.str(f, &o.Domain)
		case 2:
			return f.int(&o.Version)
		}
		return nil
	})
}

// entry reads a StringStringEntryProto.
func (d *decoder) entry(f field, key, value *string) error {
	var b []byte
	if err := f.bytes(&b); err != nil {
		return err
	}
	return fields(b, func(f field) error {
		switch f.num {
		case 1:
			return d.str(f, key)
		case 2:
			return d.str(f, value)
		}
		return nil
	})
}

// sub reads a nested graph, whose depth is bounded.
func (d *decoder) sub(f field, g *Graph) error {
	if d.depth++; d.depth > maxDepth {
		return fmt.Errorf("graphs are nested more than %d deep", maxDepth)
	}
	defer func() { d.depth-- }()
	var b []byte
	if err := f.bytes(&b); err != nil {
		return at("graph", err)
	}
	return d.graph(g, b)
}

// graph reads a GraphProto.
func (d *decoder) graph(g *Graph, b []byte) error {
	return fields(b, func(f field) error {
		switch f.num {
		case 1:
			n := &Node{}
			i := len(g.Nodes)
			g.Nodes = append(g.Nodes, n)
			if err := d.node(n, f); err != nil {
				return at(n.place(i), err)
			}
			return nil
		case 2:
			return at("graph name", d.str(f, &g.Name))
		case 5:
			t := &Initializer{}
			i := len(g.Initializers)
			g.Initializers = append(g.Initializers, t)
			if err := d.tensor(f, &t.Tensor, t); err != nil {
				return fmt.Errorf("initializer %d: %w", i, err)
			}
			return nil
		case 10:
			return at("graph doc_string", d.str(f, &g.Doc))
		case 11:
			return d.info(f, "input", &g.Inputs)
		case 12:
			return d.info(f, "output", &g.Outputs)
		case 13:
			return d.info(f, "value_info", &g.Values)
		case 15:
			t := &Initializer{}
			i := len(g.Initializers)
			g.Initializers = append(g.Initializers, t)
			if err := d.sparse(f, t); err != nil {
				return fmt.Errorf("sparse initializer %d: %w", i, err)
			}
			return nil
		}
		return keep(f, &g.extra)
	})
}

// place names node i of a graph in errors: node 12 "Conv_3".
func (n *Node) place(i int) string {
	name := n.Name
	if name == "" && len(n.Outputs) > 0 {
		name = n.Outputs[0]
	}
	return fmt.Sprintf("node %d %q", i, name)
}

// node reads a NodeProto.
func (d *decoder) node(n *Node, f field) error {
	var b []byte
	if err := f.bytes(&b); err != nil {
		return err
	}
	return fields(b, func(f field) error {
		switch f.num {
		case 1:
			return at("input", d.strs(f, &n.Inputs))
		case 2:
			return at("output", d.strs(f, &n.Outputs))
		case 3:
			return at("name", d.str(f, &n.Name))
		case 4:
			return at("op_type", d.str(f, &n.Op))
		case 5:
			i := len(n.Attrs)
			n.Attrs = append(n.Attrs, Attr{})
			a := &n.Attrs[i]
			if err := d.attr(a, f); err != nil {
				return fmt.Errorf("attribute %q: %w", a.Name, err)
			}
			return nil
		case 6:
			return at("doc_string", d.str(f, &n.Doc))
		case 7:
			return at("domain", d.str(f, &n.Domain))
		}
		return keep(f, &n.extra)
	})
}

// attr reads an AttributeProto.
func (d *decoder) attr(a *Attr, f field) error {
	var b []byte
	if err := f.bytes(&b); err != nil {
		return err
	}
	found := AttrType(0) // for files before IR version 2, which give no type
	err := fields(b, func(f field) error {
		if f.num >= 2 && f.num <= 11 {
			found = AttrType(f.num - 1) // the fields stand in the order of the types
		}
		switch f.num {
		case 1:
			return d.str(f, &a.Name)
		case 2:
			return f.float(&a.F)
		case 3:
			return f.int(&a.I)
		case 4:
			return f.bytes(&a.S)
		case 5:
			a.T = &tensor.Tensor{}
			return d.tensor(f, a.T, nil)
		case 6:
			a.G = &Graph{}
			return d.sub(f, a.G)
		case 7:
			return floats(f, &a.Floats)
		case 8:
			return f.ints(&a.Ints)
		case 9:
			var s []byte
			err := f.bytes(&s)
			a.Strings = append(a.Strings, s)
			return err
		case 10:
			t := &tensor.Tensor{}
			a.Tensors = append(a.Tensors, t)
			return d.tensor(f, t, nil)
		case 11:
			g := &Graph{}
			a.Graphs = append(a.Graphs, g)
			return d.sub(f, g)
		case 20:
			var v int64
			err := f.int(&v)
			a.Type = AttrType(v)
			return err
		}
		return keep(f, &a.extra)
	})
	if a.Type == 0 {
		a.Type = found
	}
	return err
}

// floats appends a repeated float field, packed or not.
func floats(f field, dst *[]float32) error {
	var b []byte
	if err := f.fixed(&b, 4); err != nil {
		return err
	}
	for ; len(b) > 0; b = b[4:] {
		v := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
		*dst = append(*dst, math.Float32frombits(v))
	}
	return nil
}
