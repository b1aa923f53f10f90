//go:build !windows

package ort

import (
	"path/filepath"
	"testing"

	"assay/bench/engine"
	"assay/models/onnx"
	"assay/models/tensor"
)

// arenaAfterRun returns the arena of a model -(-x) of n floats, which needs one
// value of that size between its two nodes.
func arenaAfterRun(t *testing.T, n int) int64 {
	t.Helper()
	value := func(name string) []onnx.ValueInfo {
		return []onnx.ValueInfo{{Name: name, Type: tensor.Float32, Shape: dims(1, n), HasShape: true}}
	}
	g := &onnx.Graph{
		Name: "g", Inputs: value("x"), Outputs: value("z"),
		Nodes: []*onnx.Node{
			{Op: "Neg", Inputs: []string{"x"}, Outputs: []string{"y"}},
			{Op: "Exp", Inputs: []string{"y"}, Outputs: []string{"z"}},
		},
	}
	path := filepath.Join(t.TempDir(), "m.onnx")
	if err := onnx.WriteFile(path, &onnx.Model{IRVersion: 8, Opsets: []onnx.Opset{{Version: 17}}, Graph: g}); err != nil {
		t.Fatal(err)
	}
	s, err := openModel(t, path, 1)
	if err != nil {
		t.Fatal(err)
	}
	x, z := tensors(t, s)
	if err := s.Bind([][]tensor.Tensor{x}, z); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Run(0); err != nil {
			t.Fatal(err)
		}
	}
	return s.(engine.Arena).ArenaSize()
}

// TestArena: the arena holds the value between the nodes. It grows by powers
// of two, from 1 MiB on (BFCArena, kNextPowerOfTwo), so that it fits a value of
// such a size, and is less than twice as large as another.
func TestArena(t *testing.T) {
	need(t)
	for _, n := range []int{1 << 20, 1 << 22, 3 << 20} {
		got, value := arenaAfterRun(t, n), int64(4*n)
		most := 2*value - 1
		if n&(n-1) == 0 {
			most = value + value/20
		}
		if got < value || got > most {
			t.Errorf("a value of %d bytes: the arena has %d, want at most %d", value, got, most)
		}
	}
}

// TestArenaUnknown: what cannot be asked is unknown, not 0.
func TestArenaUnknown(t *testing.T) {
	if got := (&session{}).ArenaSize(); got != -1 {
		t.Errorf("no session: %d", got)
	}
	need(t)
	s, err := openModel(t, zoo(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	other := &session{s: s.(*session).s, library: "/no/such/lib.so"}
	if got := other.ArenaSize(); got != -1 {
		t.Errorf("a library that is not open: %d", got)
	}
}
