package onnx

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"assay/models/tensor"
)

// withExternal returns a model whose initializer w, float32[2], lies at
// location with the given entries.
func withExternal(location string, kv ...string) []byte {
	parts := [][]byte{nest(8, []byte("w")), varint(1, 2), varint(2, 1), varint(14, 1)}
	kv = append([]string{"location", location}, kv...)
	for i := 0; i < len(kv); i += 2 {
		parts = append(parts, nest(13, nest(1, []byte(kv[i])), nest(2, []byte(kv[i+1]))))
	}
	return append(modelBytes(nest(5, parts...), nest(12, nest(1, []byte("w")))), nest(8, varint(2, 17))...)
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestExternalData(t *testing.T) {
	dir := t.TempDir()
	inside := filepath.Join(dir, "model")
	floats := tensor.From(tensor.Float32, []float32{9, 1, 2, 9}, 4).Data
	write(t, filepath.Join(inside, "w.bin"), floats)
	write(t, filepath.Join(inside, "sub", "w.bin"), floats)
	write(t, filepath.Join(dir, "secret.bin"), floats)
	for link, to := range map[string]string{
		"in.lnk": "sub/w.bin", "out.lnk": "../secret.bin", "abs.lnk": filepath.Join(dir, "secret.bin"), "dir.lnk": "..",
	} {
		if err := os.Symlink(to, filepath.Join(inside, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name, location string
		kv             []string
		want           string // "" is no error
	}{
		{"offset and length", "w.bin", []string{"offset", "4", "length", "8", "checksum", "x"}, ""},
		{"folder below", "./sub/w.bin", []string{"offset", "4"}, ""},
		{"link inside", "in.lnk", []string{"offset", "4"}, ""},
		{"missing", "none.bin", nil, `initializer 0: tensor "w": external data in "none.bin": no such file`},
		{"no location", "", nil, "no location"},
		{"truncated", "w.bin", []string{"offset", "12"}, `"w.bin": truncated: 8 bytes are wanted at offset 12, the file has 16`},
		{"far offset", "w.bin", []string{"offset", "9223372036854775807"}, "truncated"},
		{"negative offset", "w.bin", []string{"offset", "-4"}, `offset "-4" is not a number of bytes`},
		{"length", "w.bin", []string{"length", "12"}, "length is 12, float32[2] takes 8 bytes"},
		{"absolute", filepath.Join(dir, "secret.bin"), nil, "an absolute path is refused"},
		{"parent", "../secret.bin", nil, `".." is refused`},
		{"parent in the middle", "sub/../../secret.bin", nil, `".." is refused`},
		{"backslashes", `sub\..\..\secret.bin`, nil, `".." is refused`},
		{"link outside", "out.lnk", nil, "a symbolic link leads out of the model's folder"},
		{"absolute link", "abs.lnk", nil, "a symbolic link leads out of the model's folder"},
		{"linked folder outside", "dir.lnk/secret.bin", nil, "a symbolic link leads out of the model's folder"},
		{"folder", "sub", nil, "it is a folder"},
		{"zero byte", "w\x00", nil, "not a file name"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(inside, "m.onnx")
			write(t, path, withExternal(tt.location, tt.kv...))
			m, err := Open(path)
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), path) {
					t.Fatalf("error %v, want %q in it", err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			w := m.Graph.Initializers[0]
			if got := tensor.Of[float32](w.Tensor); !w.External || len(got) != 2 || got[0] != 1 || got[1] != 2 {
				t.Errorf("w = %v, external %v", got, w.External)
			}
			b := encode(t, m) // the copy holds the data itself
			if err := errors.Join(m.Close(), m.Close()); err != nil {
				t.Error(err)
			}
			if m, err = Decode(b); err != nil || tensor.Of[float32](m.Graph.Initializers[0].Tensor)[1] != 2 {
				t.Errorf("encoded: %v", err)
			}
		})
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "empty.onnx"), nil)
	write(t, filepath.Join(dir, "text.onnx"), []byte("no model\n"))
	if err := os.Mkdir(filepath.Join(dir, "folder.onnx"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "cycle.onnx"), encode(t, func() *Model {
		m := chain()
		m.Graph.Nodes[0].Inputs[0] = "b"
		return m
	}()))
	for name, want := range map[string]string{
		"none.onnx":   "no such file",
		"no/dir.onnx": "no such file",
		"empty.onnx":  "not an ONNX model: the file is empty",
		"text.onnx":   "not an ONNX model: text",
		"folder.onnx": "it is a folder",
		"cycle.onnx":  "graph has a cycle",
	} {
		path := filepath.Join(dir, name)
		m, err := Load(path)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Count(err.Error(), path) != 1 {
			t.Errorf("%s: %+v, %v, want %q and the path once", name, m, err, want)
		}
	}
}

// TestWriteFile writes over the model that it reads from, as an editor does.
func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.onnx")
	m := chain()
	m.Graph.Nodes[0], m.Graph.Nodes[1] = m.Graph.Nodes[1], m.Graph.Nodes[0]
	if err := WriteFile(path, m); err != nil {
		t.Fatal(err)
	}
	got, err := Load(path) // sorts
	if err != nil {
		t.Fatal(err)
	}
	if s := strings.Join(ops(got.Graph), " "); s != "a b c" {
		t.Errorf("loaded order %s", s)
	}
	if err := WriteFile(path, got); err != nil {
		t.Fatal(err)
	}
	if w := tensor.Of[float32](got.Graph.Initializer("w").Tensor); w[0] != 1 {
		t.Errorf("the mapped model changed: %v", w)
	}
	if err := got.Close(); err != nil {
		t.Error(err)
	}
	bad := chain()
	bad.Graph.Initializers[0].Data = nil
	if err := WriteFile(path, bad); err == nil || !strings.Contains(err.Error(), `initializer "w"`) {
		t.Errorf("bad model: %v", err)
	}
	if err := WriteFile(filepath.Join(dir, "no", "m.onnx"), m); err == nil {
		t.Error("wrote into a folder that is not there")
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		t.Errorf("left in the folder: %v, %v", files, err)
	}
}
