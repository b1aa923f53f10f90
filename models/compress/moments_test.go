package compress

import (
	"fmt"
	"math"
	"testing"

	"assay/models/onnx"
	"assay/models/tensor"
)

// TestUnfolder compares rows times columns with the test's own convolution, for
// strides, pads, groups and a matrix.
func TestUnfolder(t *testing.T) {
	for i, attrs := range [][]onnx.Attr{
		nil,
		{onnx.IntsAttr("strides", 2, 1)},
		{onnx.IntsAttr("pads", 0, 1, 2, 0)},
		{onnx.IntAttr("group", 2)},
		{onnx.IntAttr("group", 2), onnx.IntsAttr("strides", 2, 2), onnx.IntsAttr("pads", 1, 1, 1, 1)},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			b := newNet()
			n := b.node("Conv", "y", []string{"x", "w"}, attrs...)
			b.random("w", 1, 4, int(2/n.Int("group", 1)), 3, 3)
			m := b.output("y")
			d, err := newDraft(m)
			if err != nil {
				t.Fatal(err)
			}
			list, err := d.targets(Options{}, &Report{})
			if err != nil || len(list) != 1 {
				t.Fatal(list, err)
			}
			for set := range sets(1) {
				u, err := newUnfolder(list[0], set[0].Shape)
				if err != nil {
					t.Fatal(err)
				}
				want := run(t, m, "y", Options{Calibration: once(set[0])})
				if len(want) != u.samples*4*u.positions {
					t.Fatalf("%d samples of 4×%d, want %d numbers", u.samples, u.positions, len(want))
				}
				for s := range u.samples {
					for row := range 4 {
						a := u.columns(tensor.Of[float32](set[0]), s, list[0].group(row), 0, 1)
						for p := range u.positions {
							got := 0.0
							for k, x := range a[p*list[0].cols : (p+1)*list[0].cols] {
								got += x * list[0].m[row*list[0].cols+k]
							}
							if e := want[(s*4+row)*u.positions+p]; math.Abs(got-e) > 1e-5 {
								t.Fatalf("sample %d row %d position %d: %g, want %g", s, row, p, got, e)
							}
						}
					}
				}
			}
		})
	}
}

// TestMoments compares the moments of a matrix's input with their definition.
func TestMoments(t *testing.T) {
	b := newNet(-1, 3)
	b.random("w", 1, 3, 2)
	b.node("MatMul", "y", []string{"x", "w"})
	d, err := newDraft(b.output("y"))
	if err != nil {
		t.Fatal(err)
	}
	list, err := d.targets(Options{}, &Report{})
	if err != nil {
		t.Fatal(err)
	}
	opt := options()
	opt.Calibration = sets(5, 7, 3)
	seen, _, err := d.gather(t.Context(), list, opt, true, &Report{})
	if err != nil {
		t.Fatal(err)
	}
	var mean [3]float64
	var gram [9]float64
	for set := range opt.Calibration {
		v := tensor.Of[float32](set[0])
		for s := range 7 {
			for i := range 3 {
				mean[i] += float64(v[3*s+i]) / 35
				for j := range 3 {
					gram[3*i+j] += float64(v[3*s+i]) * float64(v[3*s+j]) / 35
				}
			}
		}
	}
	m := seen[list[0]]
	for i := range mean {
		if math.Abs(m.mean[0][i]-mean[i]) > 1e-12 || math.Abs(m.sq[0][i]-gram[4*i]) > 1e-12 {
			t.Errorf("input %d: mean %g of squares %g, want %g and %g", i, m.mean[0][i], m.sq[0][i], mean[i], gram[4*i])
		}
	}
	for i := range gram {
		if math.Abs(m.gram[0][i]-gram[i]) > 1e-12 {
			t.Errorf("product %d: %g, want %g", i, m.gram[0][i], gram[i])
		}
	}
}
