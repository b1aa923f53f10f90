package suites

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"assay/models/strict"
)

// TestBadInput holds every mistake to its message. The first line of a file in
// testdata/bad is the message that it must cause, after "# want: "; further
// such lines are further messages, in order.
func TestBadInput(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) < 30 {
		t.Fatalf("%d files in testdata/bad: %v", len(files), err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for line := range strings.Lines(string(b)) {
			if w, ok := strings.CutPrefix(line, "# want: "); ok {
				want = append(want, strings.TrimSpace(w))
			}
		}
		f, err := Load(name)
		if err == nil {
			err = f.Check(testEnv())
		}
		if err == nil {
			t.Errorf("%s is accepted", name)
			continue
		}
		if *update {
			rewrite(t, name, string(b), err)
			continue
		}
		if got := messages(err); got != strings.Join(want, "\n") {
			t.Errorf("%s:\n got %s\nwant %s", name, got, strings.Join(want, "\n     "))
		}
	}
}

// messages are err's lines without the folder that the files are in.
func messages(err error) string {
	lines := strings.Split(err.Error(), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimPrefix(l, "testdata/bad/")
	}
	return strings.Join(lines, "\n")
}

// rewrite puts the messages of err at the head of the file, after which every
// line number is one that a person has looked at.
func rewrite(t *testing.T, name, body string, err error) {
	t.Helper()
	var head strings.Builder
	for line := range strings.SplitSeq(messages(err), "\n") {
		head.WriteString("# want: " + line + "\n")
	}
	lines := strings.SplitAfter(body, "\n")
	n := 0
	for n < len(lines) && strings.HasPrefix(lines[n], "# want: ") {
		n++
	}
	if n != strings.Count(head.String(), "\n") {
		t.Fatalf("%s: has %d want lines, needs %d: add them first, since they move the places\n%v", name, n, strings.Count(head.String(), "\n"), err)
	}
	if err := os.WriteFile(name, []byte(head.String()+strings.Join(lines[n:], "")), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestUnknownSuite(t *testing.T) {
	f, err := Load("testdata/good/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Expand("bas", testEnv())
	if want := `testdata/good/full.yaml: unknown suite "bas" (did you mean "base"? have base, fast)`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestHugeAndDeep(t *testing.T) {
	for _, c := range []struct{ body, want string }{
		{strings.Repeat("#", strict.MaxBytes+1), "too large"},
		{strings.Repeat("a: ", 10000), "line of 30000 bytes is too long"},
		{strings.Repeat("[", 1000), "nested deeper"},
		{strings.Repeat("- ", 1000), "nested deeper"},
		{strings.Repeat("{a:\n", 1000), "nested deeper"},
	} {
		_, err := LoadFS(mapFS("a.yaml", c.body), "a.yaml")
		var es strict.Errors
		if !errors.As(err, &es) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.10s…: %v, want %q", c.body, err, c.want)
		}
	}
}

func TestNoPathsOffDisk(t *testing.T) {
	f, err := LoadFS(mapFS("a.yaml", "suites: {a: {models: [{name: m, baseline: /etc/passwd}]}}"), "a.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Expand("a", testEnv())
	if want := "a.yaml:1:43: models by path belong in suite files on disk"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// FuzzLoad wants, for any file, suites or errors that begin with a place, and
// of every suite that loads, an expansion or such errors.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/good/*.yaml", "testdata/bad/*.yaml", "../suites.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, name := range files {
			b, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := LoadFS(mapFS("a.yaml", string(b), "b.yaml", "suites: {b: {models: [tiny]}}"), "a.yaml")
		if err != nil {
			placed(t, err)
			return
		}
		for _, name := range file.Names() {
			if _, err := file.Show(name); err != nil {
				t.Errorf("show %s: %v", name, err)
			}
			x, err := file.expand(name, testEnv(), true)
			if err != nil {
				placed(t, err)
				continue
			}
			for _, g := range x.Groups {
				if len(g.Cases) == 0 || g.Cases[0].Variant != baseline {
					t.Errorf("group without a baseline: %+v", g)
				}
			}
		}
	})
}

func placed(t *testing.T, err error) {
	t.Helper()
	var es strict.Errors
	if !errors.As(err, &es) || len(es) == 0 {
		t.Fatalf("error without a place: %v", err)
	}
	for _, e := range es {
		if e.Pos.File == "" || e.Msg == "" || strings.Contains(e.Msg, "\n") {
			t.Errorf("error is %q at %v", e.Msg, e.Pos)
		}
	}
}
