package zoo

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

const content = "weights"

// card returns a model card of one variant with the given file and sum.
func card(name, file, sha string) *fstest.MapFile {
	return &fstest.MapFile{Data: fmt.Appendf(nil, `name: %s
kind: model
licence: MIT
source: made for a test
input: {name: x}
output: {name: y}
variants:
  baseline: {file: %s, sha256: "%s", size: %d}
`, name, file, sha, len(content))}
}

func fixture() *Zoo {
	return New(fstest.MapFS{
		"box.yaml":       card("box", "box/b.onnx", sum([]byte(content))),
		"box/b.onnx":     {Data: []byte(content)},
		"wrong.yaml":     card("wrong", "wrong/b.onnx", sum([]byte("other"))),
		"wrong/b.onnx":   {Data: []byte(content)},
		"missing.yaml":   card("missing", "missing/b.onnx", sum([]byte("else"))),
		"unrelated/a.go": {Data: []byte("package a")},
	})
}

// TestArtifact fills the cache, uses it, and mends it.
func TestArtifact(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	z := fixture()
	a, err := z.Artifact("box", "baseline")
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string) os.FileInfo {
		t.Helper()
		b, err := os.ReadFile(a.Path)
		if err != nil || string(b) != content || !filepath.IsAbs(a.Path) || !strings.Contains(a.Path, a.SHA256) {
			t.Fatalf("%s: %s holds %q, %v", what, a.Path, b, err)
		}
		st, err := os.Stat(a.Path)
		if err != nil {
			t.Fatal(err)
		}
		return st
	}
	first := check("first")
	if _, err := z.Artifact("box", "baseline"); err != nil || !os.SameFile(first, check("again")) {
		t.Errorf("a good file in the cache is written again: %v", err)
	}
	if err := os.WriteFile(a.Path, []byte("rotten"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := z.Artifact("box", "baseline"); err != nil {
		t.Fatal(err)
	}
	check("mended")
	left, err := filepath.Glob(filepath.Join(filepath.Dir(a.Path), ".part-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("temporary files are left: %v, %v", left, err)
	}
}

func TestArtifactErrors(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	z := fixture()
	for _, c := range []struct{ model, variant, want string }{
		{"boks", "baseline", `unknown model "boks" (have box, missing, wrong)`},
		{"box", "basline", `did you mean "baseline"?`},
		{"missing", "baseline", "missing baseline: missing/b.onnx is not in this build"},
		{"wrong", "baseline", "wrong baseline: wrong/b.onnx has sha256"},
	} {
		if _, err := z.Artifact(c.model, c.variant); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %v, want %q", c.model, c.variant, err, c.want)
		}
	}
	if errs := z.Verify("wrong"); len(errs) != 1 || !strings.Contains(errs[0].Error(), "its card says") {
		t.Errorf("verify wrong: %v", errs)
	}
	if errs := z.Verify("box"); len(errs) != 0 {
		t.Errorf("verify box: %v", errs)
	}
	if errs := z.Verify("nothing"); len(errs) != 1 {
		t.Errorf("verify nothing: %v", errs)
	}
}

func TestMirror(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir := t.TempDir()
	t.Setenv(Mirror, dir)
	if err := os.MkdirAll(filepath.Join(dir, "missing"), 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "missing", "b.onnx")
	for _, c := range []struct{ body, want string }{{"tampered", "its card says"}, {"else", ""}} {
		if err := os.WriteFile(file, []byte(c.body), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := fixture().Artifact("missing", "baseline")
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("mirror holds %q: %v, want %q", c.body, err, c.want)
		}
	}
}

func TestBadCards(t *testing.T) {
	for want, z := range map[string]*Zoo{
		"a.yaml and b.yaml are both called box": New(fstest.MapFS{"a.yaml": card("box", "b.onnx", sum(nil)), "b.yaml": card("box", "b.onnx", sum(nil))}),
		"a.yaml:1:1: unknown kind of card":      New(fstest.MapFS{"a.yaml": {Data: []byte("name: x")}}),
	} {
		if _, err := z.Cards(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// TestCommitted verifies every committed card and file.
func TestCommitted(t *testing.T) {
	cards, err := Cards()
	if err != nil {
		t.Fatal(err)
	}
	data, err := Default.DataCards()
	if err != nil {
		t.Fatal(err)
	}
	if len(cards) == 0 || len(data) == 0 {
		t.Fatalf("%d models and %d data sets are embedded", len(cards), len(data))
	}
	for _, d := range data {
		for _, err := range Verify(d.Name) {
			t.Error(err)
		}
	}
	for _, c := range cards {
		for _, err := range Verify(c.Name) {
			t.Error(err)
		}
		if _, err := Data(c.Task); err != nil {
			t.Errorf("%s: %v", c.Name, err)
		}
	}
}
