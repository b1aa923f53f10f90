package onnx

import "assay/models/tensor"

// DecodeTensor reads a TensorProto that stands by itself, as ONNX's test data
// keep inputs and outputs, with its name. The tensor's data may alias b.
func DecodeTensor(b []byte) (name string, t tensor.Tensor, err error) {
	d := &decoder{names: map[string]string{}}
	var r rawTensor
	err = fields(b, func(f field) error { return d.tensorField(&r, &name, f) })
	if err == nil {
		err = d.fill(&t, &r)
	}
	return name, t, err
}
