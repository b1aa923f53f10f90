//go:build cgo

package memory

import (
	"testing"

	"assay/bench/engine/ort"
	"assay/bench/engine/ortlib"
)

func init() { engines[ort.Name] = ort.New(ortlib.Find) }

// TestKnownONNXRuntime: ONNX Runtime keeps packed weights alone. It reads the
// file and frees each tensor when it is packed; what it needs for that at a
// time is the same for both models.
func TestKnownONNXRuntime(t *testing.T) {
	if _, err := ortlib.Find(); err != nil {
		t.Skip(err)
	}
	small, big := known(t, ort.Name, 1)
	for _, x := range []took{small, big} {
		if x.arena < 1 || x.arena > x.load {
			t.Errorf("the arena has %d bytes, loading took %d", x.arena, x.load)
		}
	}
}
