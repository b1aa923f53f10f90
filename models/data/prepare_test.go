package data

import (
	"fmt"
	"math"
	"reflect"
	"testing"

	"assay/models"
	"assay/models/tensor"
)

func raw(shape []int, p ...byte) models.Sample {
	return models.Sample{Index: 7, Input: tensor.Tensor{Type: tensor.Uint8, Shape: shape, Data: p}}
}

func TestPrepare(t *testing.T) {
	grey := raw([]int{1, 2, 1}, 0, 255)
	colour := raw([]int{1, 2, 3}, 10, 20, 30, 40, 50, 60)
	for _, tt := range []struct {
		name string
		io   models.IO
		in   models.Sample
		want string // shape and values
	}{
		{"nothing given", models.IO{}, grey, "[1 1 1 2] [0 255]"},
		{"scale", models.IO{Layout: "NCHW", Type: "float32", Shape: []string{"N", "1", "1", "2"}, Scale: 255}, grey, "[1 1 1 2] [0 1]"},
		{"mean and std", models.IO{Scale: 255, Mean: []float64{0.5}, Std: []float64{0.25}}, grey, "[1 1 1 2] [-2 2]"},
		{"channels first", models.IO{Layout: "NCHW"}, colour, "[1 3 1 2] [10 40 20 50 30 60]"},
		{"channels last", models.IO{Layout: "nhwc", Shape: []string{"N", "H", "W", "3"}}, colour, "[1 1 2 3] [10 20 30 40 50 60]"},
		{"per channel", models.IO{Layout: "NHWC", Mean: []float64{10, 20, 30}, Std: []float64{1, 2, 3}}, colour, "[1 1 2 3] [0 0 0 30 15 10]"},
		{"grey to colours", models.IO{Layout: "NCHW", Shape: []string{"1", "3", "-1", "?"}}, grey, "[1 3 1 2] [0 255 0 255 0 255]"},
		{"colours to grey", models.IO{Shape: []string{"N", "1", "1", "2"}}, colour, "[1 1 1 2] [18 48]"}, // .299·10 + .587·20 + .114·30 = 18.15
		{"features", models.IO{Shape: []string{"N", "6"}, Layout: "NHWC"}, colour, "[1 6] [10 20 30 40 50 60]"},
		{"size", models.IO{Shape: []string{"N", "1", "1", "1"}}, raw([]int{1, 2, 1}, 100, 200), "[1 1 1 1] [150]"},
		{"larger", models.IO{Shape: []string{"N", "3", "2", "2"}, Layout: "NCHW"}, raw([]int{1, 1, 3}, 9, 8, 7), "[1 3 2 2] [9 9 9 9 8 8 8 8 7 7 7 7]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x, err := Prepare(tt.io, tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(x.Shape, tensor.Of[float32](x)); got != tt.want || x.Check() != nil {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestPrepareErrors(t *testing.T) {
	img := raw([]int{1, 2, 1}, 0, 255)
	for _, tt := range []struct {
		io   models.IO
		in   models.Sample
		want string
	}{
		{models.IO{Name: "x", Type: "int8"}, img, `prepare sample 7 for input "x": inputs of type "int8" are not made from images`},
		{models.IO{Layout: "CHWN"}, img, `unknown layout "CHWN" (have NCHW, NHWC)`},
		{models.IO{}, raw([]int{2}, 1, 2), "it is uint8[2], an image is uint8 [H W C]"},
		{models.IO{}, raw([]int{1, 1, 2}, 1, 2), "an image is uint8 [H W C]"},
		{models.IO{}, raw([]int{4, 1, 1}, 1, 2), "uint8[4 1 1] has 2 bytes, wants 4"},
		{models.IO{Shape: []string{"N", "1", "0", "2"}}, img, `shape [N 1 0 2]: dimension "0"`},
		{models.IO{Shape: []string{"N", "1", "1x", "2"}}, img, `dimension "1x"`},
		{models.IO{Shape: []string{"N", "4", "1", "2"}}, img, "the model wants 4 channels"},
		{models.IO{Shape: []string{"N", "1", "99999", "2"}}, img, "images have at most 8192 × 8192 pixels"},
		{models.IO{Shape: []string{"N", "1", "2"}}, img, "an input for images has 4 dimensions, or 2"},
		{models.IO{Shape: []string{"N", "3"}}, img, "an image of shape [1 2 1] has 2 features, the model takes 3"},
		{models.IO{Scale: -1}, img, "scale -1"},
		{models.IO{Mean: []float64{1, 2}}, img, "mean has 2 elements, the input 1 channels"},
		{models.IO{Mean: []float64{math.NaN()}}, img, "mean [NaN]"},
		{models.IO{Std: []float64{0}}, img, "std [0]: every element is more than 0"},
	} {
		_, err := Prepare(tt.io, tt.in)
		check(t, err, tt.want)
	}
}

func TestBatch(t *testing.T) {
	a := tensor.From(tensor.Float32, []float32{1, 2}, 1, 2)
	b := tensor.From(tensor.Float32, []float32{3, 4, 5, 6}, 2, 2)
	x, err := Batch([]tensor.Tensor{a, b})
	if err != nil || !reflect.DeepEqual(x.Shape, []int{3, 2}) || fmt.Sprint(tensor.Of[float32](x)) != "[1 2 3 4 5 6]" {
		t.Errorf("%v, %v", x, err)
	}
	for _, tt := range []struct {
		list []tensor.Tensor
		want string
	}{
		{nil, "batch of no tensors"},
		{[]tensor.Tensor{a, tensor.New(tensor.Float32, 1, 3)}, "batch: tensor 1 is float32[1 3], the first one float32[1 2]"},
		{[]tensor.Tensor{a, tensor.New(tensor.Int32, 1, 2)}, "batch: tensor 1 is int32[1 2]"},
		{[]tensor.Tensor{tensor.New(tensor.Float32)}, "batch: tensor 0 is float32[]"},
		{[]tensor.Tensor{{Type: tensor.Float32, Shape: []int{2}}}, "batch: tensor 0: float32[2] has 0 bytes"},
		{[]tensor.Tensor{tensor.New(tensor.Int4, 1, 2)}, "do not fill bytes"},
	} {
		_, err := Batch(tt.list)
		check(t, err, tt.want)
	}
}
