package bench

import (
	"bytes"
	"testing"

	"assay/bench/engine"
	"assay/models/tensor"
)

func TestNoise(t *testing.T) {
	in := []engine.Desc{{Name: "x", Type: tensor.Float32, Shape: []int{4, 3, -1}}, {Name: "ids", Type: tensor.Int64, Shape: []int{4, 7}}}
	d, err := Noise(in, 3)
	if err != nil || d.Len() != 3 || d.Label(0) != -1 {
		t.Fatalf("got %v, %v", d, err)
	}
	a, errA := d.Input(1)
	b, errB := d.Input(1)
	c, errC := d.Input(2)
	if errA != nil || errB != nil || errC != nil {
		t.Fatal(errA, errB, errC)
	}
	if got := a[0].Shape; len(got) != 3 || got[0] != 1 || got[1] != 3 || got[2] != 1 {
		t.Errorf("shape %v, want batch 1 and unknown sizes as 1", got)
	}
	if !bytes.Equal(a[0].Data, b[0].Data) || bytes.Equal(a[0].Data, c[0].Data) {
		t.Error("a sample must repeat, two samples must differ")
	}
	for _, v := range tensor.Of[int64](a[1]) {
		if v != 0 && v != 1 {
			t.Errorf("token %d", v)
		}
	}
	if _, err := Noise([]engine.Desc{{Name: "s", Type: tensor.String}}, 1); err == nil {
		t.Error("strings: want an error")
	}
	huge, err := Noise([]engine.Desc{{Name: "x", Type: tensor.Float32, Shape: []int{1, 1 << 30, 1 << 30, 1 << 30}}}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := huge.Input(0); err == nil {
		t.Error("a shape that does not fit memory: want an error")
	}
}
