package onnx

import (
	"errors"
	"testing"
)

// FuzzDecode decodes anything, then checks, sorts, infers and encodes what
// could be decoded: an error is right, a panic is not. What is encoded must
// decode again to the same bytes.
func FuzzDecode(f *testing.F) {
	for _, m := range []*Model{small(), chain()} {
		b, err := Encode(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	for i, tt := range opTests {
		if i%4 == 0 { // the others are found by mutation
			if b, err := Encode(tt.model()); err == nil {
				f.Add(b)
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Decode(b)
		if err != nil {
			return
		}
		if errors.Is(Check(m), ErrUnsorted) {
			if err := Sort(m.Graph); err == nil && errors.Is(Check(m), ErrUnsorted) {
				t.Error("unsorted after Sort")
			}
		}
		if bind, err := BindBatch(m, 2); err == nil {
			_, _ = Infer(m, bind)
		}
		_, _ = Infer(m, nil)
		first, err := Encode(m)
		if err != nil {
			return // attributes whose type and content disagree
		}
		again, err := Decode(first)
		if err != nil {
			t.Fatalf("encoded model does not decode: %v", err)
		}
		second, err := Encode(again)
		if err != nil || string(first) != string(second) {
			t.Fatalf("second encoding differs: %v", err)
		}
	})
}
