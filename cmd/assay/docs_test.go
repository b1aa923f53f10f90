package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDocs checks that every command that README and docs show in a code block
// exists, with its flags. docs/design.md is left out: it shows what is planned.
func TestDocs(t *testing.T) {
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, name := range append(files, "../../README.md", "../../CONTRIBUTING.md") {
		if filepath.Base(name) == "design.md" {
			continue
		}
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		block := false
		for line := range strings.Lines(string(b)) {
			if strings.HasPrefix(strings.TrimSpace(line), "```") {
				block = !block
				continue
			}
			if line, ok := strings.CutPrefix(strings.TrimPrefix(strings.TrimSpace(line), "$ "), "assay "); block && ok {
				found++
				checkCommand(t, name, line)
			}
		}
	}
	if found < 5 {
		t.Errorf("only %d commands found in the docs: is the pattern right?", found)
	}
}

func checkCommand(t *testing.T, file, line string) {
	t.Helper()
	line, _, _ = strings.Cut(line, " #")
	args := strings.Fields(line)
	root := newRoot(io.Discard, io.Discard)
	c, rest, err := root.Find(args)
	if err == nil && c == root && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
		t.Errorf("%s: assay %s: no such command", file, line)
		return
	}
	if err == nil {
		err = c.ParseFlags(rest)
	}
	if err != nil {
		t.Errorf("%s: assay %s: %v", file, line, err)
	}
}
