package suites

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"assay/models/zoo"
)

// TestPack: a packed suite, unpacked in another folder beside its files,
// expands to the same cases with the same bytes.
func TestPack(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, b []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, v := range []string{"baseline", "sparse-90"} {
		a, err := zoo.Artifact("resnet8", v)
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(a.Path)
		if err != nil {
			t.Fatal(err)
		}
		write(v+".onnx", b)
	}
	write("suites.yaml", []byte(`
include: [library]
suites:
  mixed:
    extends: quick
    devices: [class=rpi5]
    models:
      - {name: resnet8, variants: [baseline, int8-qdq]}
      - name: own
        baseline: baseline.onnx
        variants: {small: sparse-90.onnx, again: baseline.onnx}
    variants: [baseline]
    gates: [latency.p50 <= 0.8x]
`))
	f, err := Load(filepath.Join(dir, "suites.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := f.Pack("mixed", Env{})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Files) != 2 || len(p.Sums) != 5 || bytes.Contains(p.Document, []byte(dir)) {
		t.Fatalf("%d files, %d sums, want 2 and 5; the document must not name %s:\n%s", len(p.Files), len(p.Sums), dir, p.Document)
	}
	there := t.TempDir()
	for _, a := range p.Files {
		b, err := os.ReadFile(a.Path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(there, a.SHA256+"."+a.Format), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	name := filepath.Join(there, "job.yaml")
	if err := os.WriteFile(name, p.Document, 0o644); err != nil {
		t.Fatal(err)
	}
	g, err := Load(name)
	if err != nil {
		t.Fatal(err)
	}
	x, err := g.Expand("mixed", Env{Labels: map[string]string{"class": "rpi5"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(x.Groups) != 4 { // 2 models on 2 engines
		t.Fatalf("%d groups, want 4", len(x.Groups))
	}
	for _, g := range x.Groups {
		for _, c := range g.Cases {
			if c.Artifact.SHA256 == "" || p.Sums[SumKey(c.Model, c.Variant)] != c.Artifact.SHA256 {
				t.Errorf("%s %s has sha256 %q there, %q here", c.Model, c.Variant, c.Artifact.SHA256, p.Sums[SumKey(c.Model, c.Variant)])
			}
		}
	}
	if x, err := g.Expand("mixed", Env{Labels: map[string]string{"class": "rpi4"}}); err != nil || x.Skipped == "" {
		t.Errorf("on another device: %v, skipped %q; want a skip", err, x.Skipped)
	}
}

// TestPackRefuses files that one file does not hold.
func TestPackRefuses(t *testing.T) {
	f, err := Library()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Pack("nightli", Env{}); err == nil {
		t.Error("an unknown suite is packed")
	}
}
