package ortlib

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// home gives the test a cache of its own and no library by environment.
func home(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	for _, k := range []string{"HOME", "XDG_CACHE_HOME", "LocalAppData"} {
		t.Setenv(k, dir)
	}
	t.Setenv(Env, "")
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// pkg writes an npm package of the given files.
func pkg(t *testing.T, files map[string]string) string {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "p.tgz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z := gzip.NewWriter(f)
	w := tar.NewWriter(z)
	for name, text := range files {
		h := &tar.Header{Name: name, Size: int64(len(text)), Mode: 0o644, Typeflag: tar.TypeReg}
		if text == "link" {
			h.Size, h.Typeflag, h.Linkname = 0, tar.TypeSymlink, "/etc/passwd"
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			if _, err := w.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}

func sum(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}

func TestFindOrder(t *testing.T) {
	home(t)
	_, err := Find()
	if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "assay setup") || !strings.Contains(err.Error(), Env) {
		t.Errorf("with nothing there: %v", err)
	}
	check := func(want string) {
		t.Helper()
		if got, err := Find(); err != nil || got != want {
			t.Errorf("found %q, %v; want %q", got, err, want)
		}
	}
	for _, v := range []string{Version, local} { // each comes before the one made earlier
		dir, err := Dir(v)
		if err != nil {
			t.Fatal(err)
		}
		check(write(t, filepath.Join(dir, names()[0]), "x"))
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if exe, err = filepath.EvalSymlinks(exe); err != nil {
		t.Fatal(err)
	}
	beside := write(t, filepath.Join(filepath.Dir(exe), names()[0]), "x")
	defer os.Remove(beside)
	check(beside)
	named := write(t, filepath.Join(t.TempDir(), "mine.so"), "x")
	t.Setenv(Env, named)
	check(named)
	for _, bad := range []string{named + ".not", t.TempDir()} {
		t.Setenv(Env, bad)
		if _, err := Find(); !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), Env+"="+bad) {
			t.Errorf("%s=%s: %v", Env, bad, err)
		}
	}
}

func TestExtract(t *testing.T) {
	p := platform{"linux/x64", []file{{"lib.so", sum("library")}, {"extra.so", sum("extra")}}}
	good := map[string]string{
		"package/bin/napi-v6/linux/x64/lib.so":     "library",
		"package/bin/napi-v6/linux/x64/extra.so":   "extra",
		"package/bin/napi-v6/linux/arm64/lib.so":   "of another device",
		"package/bin/napi-v6/linux/x64/../lib.so":  "elsewhere",
		"package/script/install.js":                "a script",
		"package/bin/napi-v6/linux/x64/a/b/lib.so": "too deep",
	}
	dir := filepath.Join(t.TempDir(), "cache")
	path, err := extract(pkg(t, good), dir, p)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil || string(b) != "library" {
		t.Errorf("extracted %q, %v", b, err)
	}
	left(t, dir, "LICENSE", "extra.so", "lib.so")

	check := func(name string, files map[string]string, want string) {
		t.Helper()
		dir := filepath.Join(t.TempDir(), "cache")
		if _, err := extract(pkg(t, files), dir, p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; wanted %q", name, err, want)
		}
		if _, err := os.Stat(filepath.Join(dir, "lib.so")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: a library was left behind", name)
		}
	}
	check("no library", map[string]string{"package/package.json": "{}"}, "holds no bin/napi-v*/linux/x64/lib.so")
	check("link", map[string]string{"package/bin/napi-v6/linux/x64/lib.so": "link"}, "holds no")
	changed := map[string]string{"package/bin/napi-v6/linux/x64/lib.so": "changed", "package/bin/napi-v6/linux/x64/extra.so": "extra"}
	check("wrong hash", changed, "lib.so has sha256 "+sum("changed")+", wanted "+sum("library"))

	for name, text := range map[string]string{"empty": "", "junk": "not gzip"} {
		if _, err := extract(write(t, filepath.Join(t.TempDir(), "x.tgz"), text), dir, p); err == nil || !strings.Contains(err.Error(), "not an npm package") {
			t.Errorf("%s: %v", name, err)
		}
	}
	whole, err := os.ReadFile(pkg(t, good))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := extract(write(t, filepath.Join(t.TempDir(), "x.tgz"), string(whole[:len(whole)/2])), t.TempDir(), p); err == nil {
		t.Error("half a package was accepted")
	}
}

// left checks that dir holds exactly the named files.
func left(t *testing.T, dir string, want ...string) {
	t.Helper()
	es, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range es {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("%s holds %v, want %v", dir, got, want)
	}
}

func TestInstall(t *testing.T) {
	home(t)
	junk := write(t, filepath.Join(t.TempDir(), "x.so"), "not a library")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for from, want := range map[string]string{junk: "not a", junk + ".not": "no such file", t.TempDir(): "not a file"} {
		if _, err := Install(from); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("install %s: %v; wanted %q", from, err, want)
		}
	}
	if runtime.GOOS == "linux" { // a program of this very system, but not the library
		if _, err := Install(exe); err == nil || !strings.Contains(err.Error(), entry) && !strings.Contains(err.Error(), "not a shared library") {
			t.Errorf("install %s: %v", exe, err)
		}
	}
	p, err := here()
	if err != nil {
		t.Skip(err)
	}
	files := map[string]string{}
	for _, f := range p.files {
		files["package/bin/napi-v3/"+p.dir+"/"+f.name] = "of any version"
	}
	got, err := Install(pkg(t, files))
	if err != nil {
		t.Fatal(err)
	}
	if p, _ := here(); p.files[0].sha256 == "" {
		t.Error("the pinned hash is gone")
	}
	if found, err := Find(); err != nil || found != got {
		t.Errorf("installed %s, found %s, %v", got, found, err)
	}
}

func TestVerify(t *testing.T) {
	// The sha512 of "abc", FIPS 180-2 appendix C.1, in base64.
	const abc = "sha512-3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/uu9RU1EI2Q86A4qmslPpUyknw=="
	path := write(t, filepath.Join(t.TempDir(), "x"), "abc")
	if err := verify(path, abc); err != nil {
		t.Error(err)
	}
	if err := verify(path, integrity); err == nil || !strings.Contains(err.Error(), abc) || !strings.Contains(err.Error(), integrity) {
		t.Errorf("a wrong package: %v", err)
	}
}

func TestFetchWithoutNpm(t *testing.T) {
	home(t)
	if _, err := here(); err != nil {
		t.Skip(err)
	}
	t.Setenv("PATH", t.TempDir())
	var said []string
	_, err := Fetch(t.Context(), func(s string) { said = append(said, s) })
	if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "npm is not on PATH") || len(said) != 1 {
		t.Errorf("%v, said %q", err, said)
	}
}

// TestFetchBadNpm: an npm that fails, or brings another package, leaves
// nothing behind.
func TestFetchBadNpm(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the false npm is a shell script")
	}
	if _, err := here(); err != nil {
		t.Skip(err)
	}
	for script, want := range map[string]string{
		"#!/bin/sh\necho no such package >&2\nexit 1\n": "no such package",
		"#!/bin/sh\nexit 0\n":                           "left 0 packages",
		"#!/bin/sh\necho evil > evil.tgz\n":             "wanted " + integrity,
	} {
		home(t)
		bin := t.TempDir()
		if err := os.WriteFile(filepath.Join(bin, "npm"), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
		t.Setenv("PATH", bin+":/bin:/usr/bin")
		if _, err := Fetch(t.Context(), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; wanted %q", script, err, want)
		}
		if _, err := Find(); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%q: something was installed: %v", script, err)
		}
	}
}
