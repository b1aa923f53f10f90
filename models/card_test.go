package models

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/cards/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestParseCard(t *testing.T) {
	c, err := ParseCard("box.yaml", read(t, "box.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if got := c.VariantNames(); !slices.Equal(got, []string{"baseline", "int8-qdq", "sparse-90"}) {
		t.Errorf("variants are %v", got)
	}
	v := c.Variants["sparse-90"]
	if v.Sparsity != 0.9004 || v.Format != "onnx" || v.Facts["teacher"] != "box-big" || len(v.Seeds) != 2 || v.Seeds[1].Facts["epochs"] != int64(5) {
		t.Errorf("sparse-90 is %+v", v)
	}
	a, err := c.Artifact("baseline")
	if err != nil {
		t.Fatal(err)
	}
	if a.Params != 78010 || a.MACs != 9000000 || a.Size != 318000 || a.Licence != "Apache-2.0" || a.Path != "" ||
		!slices.Equal(a.Input.Shape, []string{"N", "1", "28", "28"}) || a.Input.Scale != 255 || a.Input.Mean[0] != 0.286 {
		t.Errorf("artifact is %+v", a)
	}
	_, err = c.Artifact("sparse-9")
	if want := `model box has no variant "sparse-9" (did you mean "sparse-90"? have baseline, int8-qdq, sparse-90)`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestParseData(t *testing.T) {
	c, err := ParseData("shapes.yaml", read(t, "shapes.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.Split("test")
	if err != nil || c.Metric != "top1" || s.Samples != 100 || !slices.Equal(c.Shape, []int{28, 28, 1}) || len(c.Classes) != 3 {
		t.Errorf("card is %+v, %v", c, err)
	}
	if _, err = c.Split("train"); err == nil || err.Error() != `data set shapes has no split "train" (have calibration, test)` {
		t.Errorf("unknown split: %v", err)
	}
}

// TestCardErrors changes one place of a good card and wants its message.
func TestCardErrors(t *testing.T) {
	for _, c := range []struct{ file, old, new, want string }{
		{"box.yaml", "kind: model", "kind: data", `c.yaml:2:7: kind is "data", want "model"`},
		{"box.yaml", "name: box", "name: a/b", `c.yaml:1:7: name "a/b": want letters, digits, dots and dashes`},
		{"box.yaml", "licence: Apache-2.0\n", "", "c.yaml:1:1: licence is missing"},
		{"box.yaml", "licence:", "license:", `c.yaml:4:1: unknown key "license" (did you mean "licence"?`},
		{"box.yaml", "layout: NCHW", "layout: CHWN", `unknown layout "CHWN"`},
		{"box.yaml", "type: float32, shape: [N, 1", "type: float, shape: [N, 1", `unknown element type "float"`},
		{"box.yaml", "std: [0.353]", "std: [0]", "std is divided by, above 0"},
		{"box.yaml", "std: [0.353]", "std: [1, 1]", "mean has 1 channels, std 2"},
		{"box.yaml", "  baseline:", "  base:", `variant "baseline" is missing (have base, int8-qdq, sparse-90)`},
		{"box.yaml", "box/baseline.onnx", "../baseline.onnx", `c.yaml:10:11: file "../baseline.onnx": want a path below`},
		{"box.yaml", "box/baseline.onnx", "/etc/passwd", "want a path below"},
		{"box.yaml", "box/baseline.onnx", "box/baseline.pt", `unknown format "pt" (have onnx)`},
		{"box.yaml", "size: 318000", "size: 0", "size is in bytes, at least 1"},
		{"box.yaml", "size: 318000", "size: big", `want a whole number, have "big"`},
		{"box.yaml", strings.Repeat("0", 64), "abc", "sha256 wants 64 lower-case hexadecimal digits"},
		{"box.yaml", "recipe: x", "url: http://example.org/x", "url wants https"},
		{"shapes.yaml", "kind: data", "kind: model", `kind is "model", want "data"`},
		{"shapes.yaml", "shape: [28, 28, 1]", "shape: [28, 0, 1]", "dimensions are at least 1"},
		{"shapes.yaml", "samples: 100", "samples: 0", "samples is a count, at least 1"},
		{"shapes.yaml", "images: shapes/images.gz", "images: ../i.gz", `images "../i.gz": want a path below`},
		{"shapes.yaml", "splits:", "parts:", `unknown key "parts"`},
	} {
		good := string(read(t, c.file))
		body := strings.Replace(good, c.old, c.new, 1)
		if body == good {
			t.Fatalf("%s does not hold %q", c.file, c.old)
		}
		var err error
		if c.file == "box.yaml" {
			_, err = ParseCard("c.yaml", []byte(body))
		} else {
			_, err = ParseData("c.yaml", []byte(body))
		}
		if err == nil || !strings.HasPrefix(err.Error(), "c.yaml:") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q for %q: %v, want %q", c.new, c.old, err, c.want)
		}
	}
}

func TestCardKind(t *testing.T) {
	for body, want := range map[string]string{"kind: data": "data", "kind: model": "model"} {
		if got, err := CardKind("c.yaml", []byte(body)); got != want || err != nil {
			t.Errorf("%s: %q, %v", body, got, err)
		}
	}
	_, err := CardKind("c.yaml", []byte("kind: modle"))
	if want := `c.yaml:1:7: unknown kind of card "modle" (did you mean "model"? have data, model)`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func FuzzParseCard(f *testing.F) {
	f.Add(read(f, "box.yaml"))
	f.Add(read(f, "shapes.yaml"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := ParseCard("c.yaml", b); err == nil {
			for _, v := range c.VariantNames() {
				if a, err := c.Artifact(v); err != nil || a.Size < 1 {
					t.Errorf("variant %q: %+v, %v", v, a, err)
				}
			}
		} else if !strings.HasPrefix(err.Error(), "c.yaml:") {
			t.Errorf("error without a place: %v", err)
		}
		if _, err := ParseData("c.yaml", b); err != nil && !strings.HasPrefix(err.Error(), "c.yaml:") {
			t.Errorf("error without a place: %v", err)
		}
	})
}
