package ortlib

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// licence is ONNX Runtime's, which the npm package names but does not hold.
//
//go:embed LICENSE.onnxruntime
var licence []byte

// maxFile bounds one extracted file; the largest of Version is 46 MB.
const maxFile = 1 << 30

// Install puts the library at from into the user's cache, where Find sees it
// before one that was fetched: a shared library of this system, or an npm
// package (.tgz) that holds one. It returns the path of the installed file.
func Install(from string) (string, error) {
	dir, err := Dir(local)
	if err != nil {
		return "", err
	}
	if err := regular(from); err != nil {
		return "", fmt.Errorf("install %s: %w", from, err)
	}
	if strings.HasSuffix(from, ".tgz") || strings.HasSuffix(from, ".tar.gz") {
		p, err := here()
		if err != nil {
			return "", err
		}
		p.files = slices.Clone(p.files)
		for i := range p.files {
			p.files[i].sha256 = "" // any version: the user vouches for it
		}
		return extract(from, dir, p)
	}
	f, err := os.Open(from)
	if err != nil {
		return "", fmt.Errorf("install %s: %w", from, err)
	}
	defer f.Close()
	if err := isLibrary(f); err != nil {
		return "", fmt.Errorf("install %s: %w", from, err)
	}
	return place(dir, names()[0], "", f)
}

// extract copies the files of p from an npm package to dir and returns the
// path of the library, which is written last.
func extract(tgz, dir string, p platform) (string, error) {
	staged, err := os.MkdirTemp("", "assay-onnxruntime-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(staged)
	if err := unpack(tgz, staged, p); err != nil {
		return "", fmt.Errorf("%s: %w", tgz, err)
	}
	for i := len(p.files) - 1; i > 0; i-- {
		if _, err := move(staged, dir, p.files[i]); err != nil {
			return "", err
		}
	}
	return move(staged, dir, p.files[0])
}

// move places one staged file.
func move(staged, dir string, f file) (string, error) {
	src, err := os.Open(filepath.Join(staged, f.name))
	if err != nil {
		return "", err
	}
	defer src.Close()
	return place(dir, f.name, f.sha256, src)
}

// unpack writes the wanted files of an npm package to dir.
func unpack(tgz, dir string, p platform) error {
	f, err := os.Open(tgz)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("not an npm package: %w", err)
	}
	found := map[string]bool{}
	for r := tar.NewReader(z); len(found) < len(p.files); {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("not an npm package: %w", err)
		}
		name := p.wants(h)
		if name == "" || found[name] {
			continue
		}
		if h.Size > maxFile {
			return fmt.Errorf("%s has %d bytes, at most %d are taken", h.Name, h.Size, maxFile)
		}
		if err := copyTo(filepath.Join(dir, name), r); err != nil {
			return fmt.Errorf("unpack %s: %w", h.Name, err)
		}
		found[name] = true
	}
	for _, f := range p.files {
		if !found[f.name] {
			return fmt.Errorf("holds no bin/napi-v*/%s/%s", p.dir, f.name)
		}
	}
	return nil
}

// wants returns which file of p the entry is, "" for none: exactly
// package/bin/napi-v<n>/<dir>/<name>, so that no entry can leave its folder.
func (p platform) wants(h *tar.Header) string {
	if h.Typeflag != tar.TypeReg {
		return ""
	}
	for _, f := range p.files {
		if ok, err := path.Match("package/bin/napi-v*/"+p.dir+"/"+f.name, h.Name); ok && err == nil {
			return f.name
		}
	}
	return ""
}

func copyTo(name string, r io.Reader) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}

// place writes r to dir/name with the licence beside it. The file appears
// under its name only when it is whole, on disk and of the wanted hash ("" is
// any).
func place(dir, name, want string, r io.Reader) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "LICENSE"), licence, 0o644); err != nil {
		return "", err
	}
	f, err := os.CreateTemp(dir, name+".part-")
	if err != nil {
		return "", err
	}
	defer os.Remove(f.Name()) // fails when it has been renamed
	h := sha256.New()
	_, err = io.Copy(io.MultiWriter(f, h), r)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	path := filepath.Join(dir, name)
	if err != nil {
		return "", fmt.Errorf("write %s: %w", path, err)
	}
	if got := hex.EncodeToString(h.Sum(nil)); want != "" && got != want {
		return "", fmt.Errorf("%s has sha256 %s, wanted %s", name, got, want)
	}
	return path, os.Rename(f.Name(), path)
}
