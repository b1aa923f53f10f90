package onnx

import (
	"fmt"

	"assay/models/tensor"
)

// info reads a ValueInfoProto and appends it to dst.
func (d *decoder) info(f field, what string, dst *[]ValueInfo) error {
	var b []byte
	err := f.bytes(&b)
	v := ValueInfo{}
	if err == nil {
		err = fields(b, func(f field) error {
			switch f.num {
			case 1:
				return d.str(f, &v.Name)
			case 2:
				return d.valueType(&v, f)
			}
			return keep(f, &v.extra)
		})
	}
	if err != nil {
		return fmt.Errorf("%s %d %q: %w", what, len(*dst), v.Name, err)
	}
	*dst = append(*dst, v)
	return nil
}

// valueType reads a TypeProto: of a tensor its element type and shape; any
// other type (sequence, map, optional) is kept as bytes.
func (d *decoder) valueType(v *ValueInfo, f field) error {
	var b []byte
	if err := f.bytes(&b); err != nil {
		return err
	}
	whole, other, isTensor := f, false, false
	err := fields(b, func(f field) error {
		switch f.num {
		case 1:
			isTensor = true
			return d.tensorType(v, f)
		case 6: // denotation
			return nil
		}
		other = true
		return nil
	})
	if err == nil && other && !isTensor {
		err = keep(whole, &v.extra)
	}
	return err
}

// tensorType reads a TypeProto.Tensor.
func (d *decoder) tensorType(v *ValueInfo, f field) error {
	var b []byte
	if err := f.bytes(&b); err != nil {
		return err
	}
	return fields(b, func(f field) error {
		switch f.num {
		case 1:
			var t int64
			err := f.int(&t)
			v.Type = tensor.Type(t)
			return err
		case 2:
			v.HasShape = true
			return at("shape", d.shape(v, f))
		}
		return nil
	})
}

// shape reads a TensorShapeProto.
func (d *decoder) shape(v *ValueInfo, f field) error {
	var b []byte
	if err := f.bytes(&b); err != nil {
		return err
	}
	return fields(b, func(f field) error {
		if f.num != 1 {
			return nil
		}
		var b []byte
		if err := f.bytes(&b); err != nil {
			return err
		}
		dim := Dim{Value: -1}
		err := fields(b, func(f field) error {
			switch f.num {
			case 1:
				dim.Param = ""
				return f.int(&dim.Value)
			case 2:
				dim.Value = -1
				return d.str(f, &dim.Param)
			}
			return nil
		})
		if err == nil && dim.Value < -1 {
			err = fmt.Errorf("dimension %d is negative", dim.Value)
		}
		v.Shape = append(v.Shape, dim)
		return err
	})
}
