package strict

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

// shape has a field of every kind that Decode knows.
type shape struct {
	Name  string            `yaml:"name"`
	Count int               `yaml:"count"`
	Size  *float64          `yaml:"size"`
	Round bool              `yaml:"round"`
	Tags  []string          `yaml:"tags"`
	Parts map[string]shape  `yaml:"parts"`
	Names map[string]string `yaml:"names"`
	Extra map[string]any    `yaml:",extra"`
	At    Pos               `yaml:"-"`
}

type closed struct {
	Name  string `yaml:"name"`
	Inner *shape `yaml:"inner"`
}

func TestDecode(t *testing.T) {
	var s shape
	err := Decode("a.yaml", []byte(`# a comment
name: "box"
count: 3
size: 1.50
round: true
tags: [1.30, a b, "x"]
parts:
  lid:
    name: |
      two
      lines
names: {}
more: {deep: [1, 2.5, true, null, text]}
`), &s)
	if err != nil {
		t.Fatal(err)
	}
	size := 1.5
	want := shape{
		Name: "box", Count: 3, Size: &size, Round: true, Tags: []string{"1.30", "a b", "x"},
		Parts: map[string]shape{"lid": {Name: "two\nlines\n", At: Pos{"a.yaml", 9, 5}}},
		Names: map[string]string{},
		Extra: map[string]any{"more": map[string]any{"deep": []any{int64(1), 2.5, true, nil, "text"}}},
		At:    Pos{"a.yaml", 2, 1},
	}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("got  %+v\nwant %+v", s, want)
	}
}

func TestDecodeErrors(t *testing.T) {
	for _, c := range []struct{ body, want string }{
		{"nmae: x\n", `a.yaml:1:1: unknown key "nmae" (did you mean "name"? have inner, name)`},
		{"zzz: x\n", `a.yaml:1:1: unknown key "zzz" (have inner, name)`},
		{"name: [x]\n", "a.yaml:1:7: want text, have a list"},
		{"name:\n", "a.yaml:1:7: want text, have nothing"},
		{"inner:\n  count: 1.5\n  size: .inf\n  round: 1\n", "a.yaml:2:10: want a whole number, have \"1.5\"\na.yaml:3:9: want a number, have \".inf\"\na.yaml:4:10: want true or false, have \"1\""},
		{"inner: {count: 99999999999999999999}\n", `a.yaml:1:16: want a whole number, have "99999999999999999999"`},
		{"inner: {count: 18446744073709551615}\n", `a.yaml:1:16: want a whole number, have "18446744073709551615"`},
		{"inner: {tags: {a: 1}}\n", "a.yaml:1:15: want a list, have a mapping"},
		{"inner: {parts: [1]}\n", "a.yaml:1:16: want a mapping, have a list"},
		{"name: !!str x\n", "a.yaml:1:7: want text, have a tag (not read here)"},
		{"? [a]\n: b\n", "a.yaml:2:1: found an invalid key for this map"},
		{"", "a.yaml: file is empty"},
		{"# only a comment\n", "a.yaml: file is empty"},
		{"a: b: c\n", "a.yaml:1:4: mapping value is not allowed in this context"},
	} {
		var v closed
		err := Decode("a.yaml", []byte(c.body), &v)
		if err == nil || err.Error() != c.want {
			t.Errorf("%q:\n got %v\nwant %s", c.body, err, c.want)
		}
		var one *Error
		if err != nil && !errors.As(err, &one) {
			t.Errorf("%q: %T holds no *Error", c.body, err)
		}
	}
}

func TestChoices(t *testing.T) {
	for _, c := range []struct {
		got  string
		have []string
		want string
	}{
		{"natve", []string{"onnxruntime", "native"}, `did you mean "native"? have native, onnxruntime`},
		{"antive", []string{"native"}, `did you mean "native"? have native`}, // a swap is one slip
		{"otr", []string{"native", "onnxruntime"}, "have native, onnxruntime"},
		{"ab", []string{"xy"}, "have xy"}, // two slips, but the whole word
		{"a", nil, "there are none"},
		{strings.Repeat("a", 1000), []string{strings.Repeat("a", 999)}, "have " + strings.Repeat("a", 999)},
	} {
		if got := Choices(c.got, c.have); got != c.want {
			t.Errorf("Choices(%.10q): %q, want %q", c.got, got, c.want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("name: box\ninner: {count: 3, tags: [a], parts: {lid: {size: 1e3}}}\n"))
	f.Add([]byte("? a\n: &x [*x, !!str y]\n<<: {b: |\n  c}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var v closed
		err := Decode("a.yaml", b, &v)
		var es Errors
		if err != nil && (!errors.As(err, &es) || len(es) == 0) {
			t.Fatalf("error without a place: %v", err)
		}
		for _, e := range es {
			if e.Pos.File != "a.yaml" || strings.Contains(e.Msg, "\n") {
				t.Errorf("error %q at %v", e.Msg, e.Pos)
			}
		}
	})
}
