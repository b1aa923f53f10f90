package ortlib

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Fetch gets Version by the npm client, without running any script of the
// package, checks the package and the library against the pinned hashes, and
// keeps only this device's library, in the user's cache. A library that is
// there already and whole is not fetched again. log, where not nil, is told
// what is being done.
func Fetch(ctx context.Context, log func(string)) (string, error) {
	if log == nil {
		log = func(string) {}
	}
	p, err := here()
	if err != nil {
		return "", err
	}
	dir, err := Dir(Version)
	if err != nil {
		return "", err
	}
	if whole(dir, p) {
		path := filepath.Join(dir, p.files[0].name)
		log("ONNX Runtime " + Version + " is here: " + path)
		return path, nil
	}
	tmp, err := os.MkdirTemp("", "assay-npm-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	log("fetching onnxruntime-node " + Version + " by npm (114 MB, once)")
	tgz, err := pack(ctx, tmp)
	if err != nil {
		return "", err
	}
	if err := verify(tgz, integrity); err != nil {
		return "", fmt.Errorf("onnxruntime-node %s: %w", Version, err)
	}
	path, err := extract(tgz, dir, p)
	if err == nil {
		log("ONNX Runtime " + Version + " is installed: " + path)
	}
	return path, err
}

// whole reports whether every file of p is in dir with its hash.
func whole(dir string, p platform) bool {
	for _, f := range p.files {
		h := sha256.New()
		if digest(filepath.Join(dir, f.name), h) != nil || hex.EncodeToString(h.Sum(nil)) != f.sha256 {
			return false
		}
	}
	return true
}

// pack lets npm download the package into dir and returns its path.
func pack(ctx context.Context, dir string) (string, error) {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return "", absent("npm is not on PATH: install Node.js, or run assay setup --from FILE, or set " + Env + "=FILE")
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, npm, "pack", "--ignore-scripts", "--loglevel=error", "onnxruntime-node@"+Version)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &said, &said
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return "", fmt.Errorf("npm pack: %w", ctx.Err())
		}
		return "", fmt.Errorf("npm pack onnxruntime-node@%s: %w: %s", Version, err, end(said.String()))
	}
	found, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("npm pack left %d packages, wanted one: %s", len(found), end(said.String()))
	}
	return found[0], nil
}

// verify checks a file against a Subresource Integrity string of sha512, as
// npm uses it.
func verify(path, want string) error {
	h := sha512.New()
	if err := digest(path, h); err != nil {
		return err
	}
	if got := "sha512-" + base64.StdEncoding.EncodeToString(h.Sum(nil)); got != want {
		return fmt.Errorf("the package has integrity %s, wanted %s", got, want)
	}
	return nil
}

func digest(path string, w io.Writer) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}

// end returns the last 300 bytes of what a program said, on one line.
func end(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	return s[max(0, len(s)-300):]
}
