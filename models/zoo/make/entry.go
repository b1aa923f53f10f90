package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"assay/models"
	"assay/models/compress"
)

// recipe is the command that makes every int8 variant.
const recipe = "go run ./models/zoo/make"

// An entry is what a card says of one made variant.
type entry struct {
	file, sha256 string
	size         int64
	params, macs int64
	top1         float64 // percent; 0 where it was not measured
	method       string
}

// entry describes the file just made. Parameters and MACs are the baseline's:
// integers replace floats, none goes. The top-1 of an unchanged file is kept.
func (z shop) entry(c *models.Card, t compress.Technique, file string) (entry, error) {
	b, err := os.ReadFile(filepath.Join(z.dir, filepath.FromSlash(file)))
	if err != nil {
		return entry{}, err
	}
	h := sha256.Sum256(b)
	base, old := c.Variants["baseline"], c.Variants[t.Name]
	e := entry{file: file, sha256: hex.EncodeToString(h[:]), size: int64(len(b)), params: base.Parameters, macs: base.MACs, method: t.Doc}
	if old.SHA256 == e.sha256 {
		e.top1 = old.Top1
	}
	return e, nil
}

// lines returns the entry's YAML, indented below the name of the variant.
func (e entry) lines(name, indent string) []string {
	in := indent + indent
	out := []string{
		indent + name + ":",
		in + "file: " + e.file,
		in + "sha256: " + e.sha256,
		fmt.Sprintf("%ssize: %d", in, e.size),
	}
	if e.params > 0 {
		out = append(out, fmt.Sprintf("%sparameters: %d", in, e.params))
	}
	if e.macs > 0 {
		out = append(out, fmt.Sprintf("%smacs: %d", in, e.macs))
	}
	if e.top1 > 0 {
		out = append(out, fmt.Sprintf("%stop1: %.2f", in, e.top1))
	}
	notes := "'" + strings.ReplaceAll(e.method, "'", "''") + "'" // as PyYAML writes it for the other variants
	return append(out, in+"recipe: "+recipe, in+"notes: "+notes)
}

// writeEntry replaces or appends one variant in the card at path, which it
// reads anew: nothing else in it changes by a byte.
func writeEntry(path, name string, e entry) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	out, err := replace(b, name, e)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if bytes.Equal(b, out) {
		return nil
	}
	c, err := models.ParseCard(path, out)
	if err != nil {
		return fmt.Errorf("the card with its new entry: %w", err)
	}
	if got := c.Variants[name]; got.SHA256 != e.sha256 || got.Size != e.size {
		return fmt.Errorf("%s: the new entry of %s reads back differently", path, name)
	}
	tmp := path + ".new"
	if err := os.WriteFile(tmp, out, 0o644); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

// replace edits the text of a card, whose variants are a block mapping.
func replace(card []byte, name string, e entry) ([]byte, error) {
	lines := strings.SplitAfter(string(card), "\n")
	head, end := -1, len(lines)
	for i, l := range lines {
		if head < 0 && strings.TrimRight(l, " \r\n") == "variants:" {
			head = i
		} else if head >= 0 && depth(l) == 0 {
			end = i
			break
		}
	}
	if head < 0 {
		return nil, fmt.Errorf("no line \"variants:\" that opens a block")
	}
	indent := "  "
	from, to := -1, end
	for i := head + 1; i < end; i++ {
		d := depth(lines[i])
		if d < 0 {
			continue
		}
		if i == head+1 {
			indent = strings.Repeat(" ", d)
		}
		if d > len(indent) {
			continue
		}
		if from >= 0 {
			to = i
			break
		}
		if strings.HasPrefix(strings.TrimSpace(lines[i]), name+":") {
			from = i
		}
	}
	if from < 0 {
		from = end
	}
	for to > head+1 && depth(lines[to-1]) < 0 {
		to-- // blank lines and comments belong to what follows
	}
	from = min(from, to)
	text := strings.Join(e.lines(name, indent), "\n") + "\n"
	before := strings.Join(lines[:from], "")
	if !strings.HasSuffix(before, "\n") {
		before += "\n"
	}
	return []byte(before + text + strings.Join(lines[to:], "")), nil
}

// depth returns how many spaces a line starts with, −1 for a blank line or a
// comment.
func depth(l string) int {
	rest := strings.TrimLeft(l, " ")
	if s := strings.TrimSpace(rest); s == "" || s[0] == '#' {
		return -1
	}
	return len(l) - len(rest)
}
