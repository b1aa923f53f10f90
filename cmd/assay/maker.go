package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"assay/models"
	"assay/models/compress"
	"assay/models/zoo"
	"assay/suites"

	"github.com/spf13/cobra"
)

// maker returns what makes the variants that a suite describes by a technique.
// A variant is made once: it is kept in the cache under a sum of everything
// that it is made of.
func maker(c *cobra.Command) func(models.Artifact, string, *suites.Compress) (models.Artifact, error) {
	return func(from models.Artifact, task string, s *suites.Compress) (models.Artifact, error) {
		dir, err := zoo.Cache()
		if err != nil {
			return models.Artifact{}, err
		}
		t, err := compress.Lookup(s.Technique.Text)
		if err != nil {
			return models.Artifact{}, err
		}
		k := kitchen{calibrate: s.Samples(), set: s.Settings}
		defer k.close()
		if k.base, err = knownModel(from, task); err != nil {
			return models.Artifact{}, err
		}
		key, err := k.key(t)
		if err != nil {
			return models.Artifact{}, err
		}
		path := filepath.Join(dir, "made", key+".onnx")
		if a, ok := cached(path); ok {
			return a, nil
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return models.Artifact{}, err
		}
		fmt.Fprintf(c.ErrOrStderr(), "assay: making %s of %s\n", t.Name, k.base.name)
		made, err := k.make(c.Context(), t, path)
		if err != nil {
			return models.Artifact{}, err
		}
		for _, w := range made.report.Warnings {
			fmt.Fprintf(c.ErrOrStderr(), "assay: %s of %s: %v\n", t.Name, k.base.name, w)
		}
		return artifact(path)
	}
}

// knownModel describes an artifact as the kitchen wants it.
func knownModel(a models.Artifact, task string) (base, error) {
	b, err := findModel(a.Path, models.IO{Scale: 255})
	if b.zoo != "" {
		b.name = b.zoo
	}
	if len(a.Input.Shape) > 0 || a.Input.Layout != "" {
		b.known, b.zoo = a.Input, "card" // the suite or the zoo says what the input means
	}
	if b.task == "" {
		b.task = task
	}
	return b, err
}

// key sums what a variant is made of: the baseline, the technique and its
// settings, the samples, and this very program.
func (k *kitchen) key(t compress.Technique) (string, error) {
	h := sha256.New()
	exe, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find assay's own program: %w", err)
	}
	for _, path := range []string{k.base.path, exe} {
		sum, _, err := models.SumFile(path)
		if err != nil {
			return "", err
		}
		fmt.Fprintln(h, sum)
	}
	set, err := json.Marshal(k.set)
	if err != nil {
		return "", err
	}
	meaning, err := json.Marshal([]any{k.base.known, k.base.norm})
	if err != nil {
		return "", err
	}
	fmt.Fprintf(h, "%s\n%s\n%s\n%s\n%s\n", t.Name, set, meaning, k.calibrate, k.base.task)
	if st, err := os.Stat(k.calibrate); k.calibrate != "" && err == nil && st.IsDir() {
		if err := sumFolder(h, k.calibrate); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// sumFolder adds the names and bytes of all files below dir to w.
func sumFolder(w io.Writer, dir string) error {
	return filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		sum, _, err := models.SumFile(path)
		fmt.Fprintln(w, path, sum)
		return err
	})
}

// cached returns the artifact at path if its card says the same of it.
func cached(path string) (models.Artifact, bool) {
	r, err := readRecord(recordPath(path))
	if err != nil {
		return models.Artifact{}, false
	}
	a, err := artifact(path)
	return a, err == nil && a.SHA256 == r.SHA256
}

// artifact describes the file at path.
func artifact(path string) (models.Artifact, error) {
	sum, size, err := models.SumFile(path)
	return models.Artifact{Path: path, Format: "onnx", SHA256: sum, Size: size}, err
}
