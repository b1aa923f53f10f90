//go:build !unix

package onnx

import (
	"io"
	"os"
)

// mapFile reads f.
func mapFile(f *os.File) (mapping, error) {
	st, err := f.Stat()
	if err != nil {
		return mapping{}, err
	}
	if err := regular(st); err != nil {
		return mapping{}, err
	}
	b, err := io.ReadAll(f)
	return mapping{data: b}, err
}
