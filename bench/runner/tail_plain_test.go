package runner

import "testing"

// TestTailPlain: a worker's words cannot act on the terminal that shows them.
func TestTailPlain(t *testing.T) {
	for in, want := range map[string]string{
		"\x1b[1;31mout of memory\x1b[m\n\x1b[m": "out of memory",
		"a\x1b[2Jb\rc\x07\td\ne":                "abc\td\ne",
		"plain words – ü":                       "plain words – ü",
	} {
		var w tail
		if _, err := w.Write([]byte(in)); err != nil {
			t.Fatal(err)
		}
		if got := w.String(); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
