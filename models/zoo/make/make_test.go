package main

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"assay/models/compress"
	"assay/models/onnx"
)

// zoo is the committed zoo, seen from this package's folder.
const zoo = ".."

// TestCommitted makes every committed int8 variant again, and compares bytes.
func TestCommitted(t *testing.T) {
	z := shop{dir: zoo}
	cards, err := z.cards()
	if err != nil {
		t.Fatal(err)
	}
	made := 0
	for _, c := range cards {
		for _, tech := range compress.Techniques() {
			v, ok := c.Variants[tech.Name]
			if !ok {
				continue
			}
			made++
			t.Run(c.Name+"/"+tech.Name, func(t *testing.T) {
				t.Parallel()
				want, err := os.ReadFile(filepath.Join(zoo, filepath.FromSlash(v.File)))
				if err != nil {
					t.Fatal(err)
				}
				m, r, err := z.variant(t.Context(), c, tech)
				if err != nil {
					t.Fatal(err)
				}
				got, err := onnx.Encode(m)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got, want) {
					t.Errorf("%s has %d bytes, made anew it has %d, and they differ: %s", v.File, len(want), len(got), recipe)
				}
				if r.After != v.Size {
					t.Errorf("the report says %d bytes, the card %d", r.After, v.Size)
				}
			})
		}
	}
	if made == 0 {
		t.Error("no card has an int8 variant: " + recipe)
	}
}

func TestReplace(t *testing.T) {
	e := entry{file: "m/int8-qdq.onnx", sha256: "abc", size: 7, params: 3, top1: 92.5, method: "a: b's"}
	text := "  int8-qdq:\n    file: m/int8-qdq.onnx\n    sha256: abc\n    size: 7\n    parameters: 3\n    top1: 92.50\n    recipe: " + recipe + "\n    notes: 'a: b''s'\n"
	const head, base = "name: m\n# a comment\nvariants:\n", "  baseline:\n    file: x # kept\n    seeds:\n    - {seed: 1}\n"
	const old, other, tail = "  int8-qdq:\n    file: old\n    notes: |\n      lines\n\n", "  pruned-50:\n    file: y\n", "\nnotes: |\n  int8-qdq: not this one\n"
	for _, c := range []struct{ name, in, want string }{
		{"append", head + base, head + base + text},
		{"append without a last line end", strings.TrimSuffix(head+base, "\n"), head + base + text},
		{"append before another key", head + base + tail, head + base + text + tail},
		{"replace in the middle", head + base + old + other + tail, head + base + text + "\n" + other + tail},
		{"replace at the end", head + base + other + "  int8-qdq:\n    file: old\n", head + base + other + text},
		{"replace itself", head + base + text + tail, head + base + text + tail},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := replace([]byte(c.in), "int8-qdq", e)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
	if _, err := replace([]byte("variants: {a: {}}\n"), "int8-qdq", e); err == nil {
		t.Error("a card without a block of variants gives no error")
	}
}

// TestRun makes one model's variants in a copy of the zoo and checks that a
// second run changes nothing.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"resnet8.yaml", "resnet8/baseline.onnx", "fashion-mnist.yaml"} {
		b, err := os.ReadFile(filepath.Join(zoo, name))
		if err != nil {
			t.Fatal(err)
		}
		put(t, dir, name, b)
	}
	// 40 images of noise instead of 512: IDX, as big-endian header and bytes.
	images := append([]byte{0, 0, 8, 3, 0, 0, 0, 40, 0, 0, 0, 28, 0, 0, 0, 28}, make([]byte, 40*28*28)...)
	rand.NewChaCha8([32]byte{}).Read(images[16:])
	put(t, dir, "fashion-mnist/calibration-images-idx3-ubyte.gz", images)
	put(t, dir, "fashion-mnist/calibration-labels-idx1-ubyte.gz", append([]byte{0, 0, 8, 1, 0, 0, 0, 40}, make([]byte, 40)...))
	var first []byte
	for range 2 {
		var out, errs strings.Builder
		if code := run(t.Context(), []string{"-zoo", dir, "resnet8"}, &out, &errs); code != 0 {
			t.Fatalf("exit %d: %s", code, errs.String())
		}
		if !strings.Contains(out.String(), "resnet8/int8-qdq.onnx: ") {
			t.Errorf("it printed %q", out.String())
		}
		card, err := os.ReadFile(filepath.Join(dir, "resnet8.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		if first != nil && !bytes.Equal(first, card) {
			t.Error("the second run changed the card")
		}
		first = card
	}
	var out, errs strings.Builder
	if code := run(t.Context(), []string{"-zoo", dir, "nobody"}, &out, &errs); code != 1 || !strings.Contains(errs.String(), "nobody") {
		t.Errorf("an unknown model gives exit %d and %q", code, errs.String())
	}
	if code := run(t.Context(), []string{"-nope"}, &out, &errs); code != 2 {
		t.Errorf("an unknown flag gives exit %d", code)
	}
}

func put(t *testing.T, dir, name string, b []byte) {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}
