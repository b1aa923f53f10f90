package main

import (
	"flag"
	"fmt"
	"image"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"assay/bench/engine/ortlib"
	"assay/models/data"
	"assay/models/zoo"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata/script")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"assay": main})
}

// TestScript proves the command by scripts. $ZOO is the folder of models, [ort]
// tells whether ONNX Runtime's worker and library are there (make test builds
// the one and fetches the other), [root] whether file systems can be mounted.
func TestScript(t *testing.T) {
	repo, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(repo, "bin")
	_, libErr := ortlib.Find()
	_, workerErr := os.Stat(filepath.Join(bin, "assay-ort"))
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: *update,
		Setup: func(e *testscript.Env) error {
			cache, err := os.UserCacheDir()
			if err != nil {
				return err
			}
			e.Setenv("ZOO", filepath.Join(repo, "models", "zoo"))
			e.Setenv("REPO", repo)
			e.Setenv("XDG_CACHE_HOME", cache)
			e.Setenv("XDG_DATA_HOME", filepath.Join(e.WorkDir, "data"))
			e.Setenv("PATH", e.Getenv("PATH")+string(os.PathListSeparator)+bin)
			return nil
		},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "ort":
				return libErr == nil && workerErr == nil, nil
			case "root":
				return os.Getuid() == 0 && exec.Command("mount", "--version").Run() == nil, nil
			}
			return false, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"truncate": truncate, "lines": lines, "images": images, "nights": nights},
	})
}

// truncate FILE SIZE cuts a copy of a file short, as a broken download does.
func truncate(ts *testscript.TestScript, _ bool, args []string) {
	b, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), b[:len(b)/2], 0o644))
}

// images DIR N writes N images of the test set as PNG, a folder per class.
func images(ts *testscript.TestScript, _ bool, args []string) {
	card, err := zoo.Data("fashion-mnist")
	ts.Check(err)
	split := card.Splits["test"]
	all, err := data.Open(card.Format, zoo.FS(), split.Images, split.Labels)
	ts.Check(err)
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	for i := range n {
		s, err := all.At(i)
		ts.Check(err)
		dir := filepath.Join(ts.MkAbs(args[0]), fmt.Sprintf("class%d", s.Label))
		ts.Check(os.MkdirAll(dir, 0o755))
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("%04d.png", i)))
		ts.Check(err)
		ts.Check(png.Encode(f, &image.Gray{Pix: s.Input.Data, Stride: 28, Rect: image.Rect(0, 0, 28, 28)}))
		ts.Check(f.Close())
	}
}

// lines fails if a line of FILE is longer than 120 columns.
func lines(ts *testscript.TestScript, _ bool, args []string) {
	for l := range strings.Lines(ts.ReadFile(args[0])) {
		if n := len([]rune(strings.TrimRight(l, "\n"))); n > 120 {
			ts.Fatalf("%d columns: %s", n, l)
		}
	}
}
