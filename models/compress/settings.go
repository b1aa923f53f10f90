package compress

import (
	"fmt"
	"strings"

	"assay/models/tensor"
)

// Settings are the choices of a technique that can be written down in a suite
// or on a card. The zero value is the default of each; a technique passes over
// what does not concern it.
type Settings struct {
	// Int8Activations makes the activations of int8-qdq int8 instead of uint8.
	// ONNX Runtime 1.30 on x86 turns int8 into uint8 before it fuses, but not
	// where two operators read one value: residual networks then stay largely
	// float. Prefer int8 only for devices known to want it.
	Int8Activations bool `json:"int8_activations,omitempty" yaml:"int8_activations"`

	// Range says how an activation's range is found on the calibration data:
	// one of Ranges. "" is minmax, or percentile where Percentile is set.
	Range string `json:"range,omitempty" yaml:"range"`

	// Percentile p in (50, 100) cuts (100−p)/2 % of the values at each end of
	// an activation's range; 0 is 99.99 where Range is percentile.
	Percentile float64 `json:"percentile,omitempty" yaml:"percentile"`

	// FullRange lets int8 weights use all 8 bits. Without it they keep within
	// −64…64, at the price of 6 dB: x86 with AVX2 or AVX-512 but without VNNI
	// multiplies uint8 by int8 by VPMADDUBSW, whose 16-bit sums of two products
	// saturate above that.
	FullRange bool `json:"full_range,omitempty" yaml:"full_range"`

	// PerTensor gives int8-qdq one weight scale per tensor instead of one per
	// output channel, for engines that read nothing else.
	PerTensor bool `json:"per_tensor,omitempty" yaml:"per_tensor"`

	// CorrectBias lets int8-qdq take from each bias the mean error that
	// quantized weights cause on the calibration data.
	CorrectBias bool `json:"correct_bias,omitempty" yaml:"correct_bias"`

	// Rounding of int8-qdq's weights is nearest (the default) or adaptive.
	Rounding string `json:"rounding,omitempty" yaml:"rounding"`

	// Block is how many weights along a row share a scale in the weight-only
	// techniques: a power of two from 16 to 256; 0 is 32.
	Block int `json:"block,omitempty" yaml:"block"`

	// Asymmetric gives the blocks of weight-only techniques a zero point.
	Asymmetric bool `json:"asymmetric,omitempty" yaml:"asymmetric"`

	// Form of the matrices that weight-only techniques make is nbits (the
	// default: MatMulNBits of com.microsoft, which has the fast kernels) or qdq:
	// blocked DequantizeLinear of the standard, for other engines.
	Form string `json:"form,omitempty" yaml:"form"`

	// Pattern of the sparse techniques' zeros: "" is anywhere, 2:4 is two of
	// four neighbours along a row, whatever N says; 4x1 is four rows at once.
	Pattern string `json:"pattern,omitempty" yaml:"pattern"`

	// Spread of the sparse techniques' zeros over layers is uniform (the
	// default) or erk.
	Spread string `json:"spread,omitempty" yaml:"spread"`

	// Storage of the sparse techniques' weights is dense (the default): zeros and
	// all, which every engine reads; or sparse: as sparse_initializer, by the
	// values that are left and their places (8 bytes each), where that is
	// smaller. An engine makes dense weights of them again when it loads.
	Storage string `json:"storage,omitempty" yaml:"storage"`

	// Plain pruning keeps the next layer as it is instead of fitting it anew
	// to the calibration data.
	Plain bool `json:"plain,omitempty" yaml:"plain"`

	// Exclude names nodes to be left alone, by name or by their first output;
	// ExcludeOps leaves out whole operators, such as Gemm.
	Exclude    []string `json:"exclude,omitempty" yaml:"exclude"`
	ExcludeOps []string `json:"exclude_ops,omitempty" yaml:"exclude_ops"`
}

// Ranges are the ways to find an activation's range.
var Ranges = []string{"minmax", "average", "percentile", "entropy", "mse"}

// activations returns the type of quantized activations.
func (s *Settings) activations() tensor.Type {
	if s.Int8Activations {
		return tensor.Int8
	}
	return tensor.Uint8
}

// choices lists the settings that are words.
var choices = []struct {
	name string
	of   func(*Settings) string
	have []string
}{
	{"range", func(s *Settings) string { return s.Range }, Ranges},
	{"rounding", func(s *Settings) string { return s.Rounding }, []string{"nearest", "adaptive"}},
	{"form", func(s *Settings) string { return s.Form }, []string{"nbits", "qdq"}},
	{"pattern", func(s *Settings) string { return s.Pattern }, []string{"2:4", "4x1"}},
	{"spread", func(s *Settings) string { return s.Spread }, []string{"uniform", "erk"}},
	{"storage", func(s *Settings) string { return s.Storage }, []string{"dense", "sparse"}},
}

// Check reports settings that no technique can follow.
func (s *Settings) Check() error {
	if p := s.Percentile; p != 0 && !(p > 50 && p < 100) {
		return fmt.Errorf("percentile %v: choose one between 50 and 100, or 0 for the default", p)
	}
	if s.Percentile != 0 && s.Range != "" && s.Range != "percentile" {
		return fmt.Errorf("percentile %v and range %s do not go together", s.Percentile, s.Range)
	}
	if b := s.Block; b != 0 && (b < 16 || b > 256 || b&(b-1) != 0) {
		return fmt.Errorf("block %d: choose 16, 32, 64, 128 or 256", b)
	}
next:
	for _, c := range choices {
		v := c.of(s)
		for _, h := range c.have {
			if v == "" || v == h {
				continue next
			}
		}
		return fmt.Errorf("unknown %s %q (have %s)", c.name, v, strings.Join(c.have, ", "))
	}
	return nil
}
