// Package ortlib finds, installs and fetches ONNX Runtime's shared library.
// Nothing is linked against it: cmd/assay-ort opens what Find returns.
//
// The library comes from the npm package onnxruntime-node, got by the npm
// client without running any script of it; the hash of the package and those
// of the libraries in it are pinned here.
package ortlib

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// Env names the variable that overrides every other place.
const Env = "ASSAY_ONNXRUNTIME"

// Version of ONNX Runtime that Fetch gets.
const Version = "1.30.0"

// integrity of the npm package at Version, as the registry's dist.integrity
// gives it (2026-11).
const integrity = "sha512-twhs1C2C/BFkz1yc5OY0KIU2GUq6DURO7hD4bx5Q2Qy3nAMJwRXW8xU3NVczE29VA9lolLOYepoD8fjTGOfIqw=="

// A platform says which files of the package a device needs.
type platform struct {
	dir   string // in the package, below bin/napi-v*
	files []file // the library first
}

type file struct{ name, sha256 string }

// platforms by GOOS/GOARCH, with the hashes of Version. DirectML.dll is loaded
// by Windows' library at start.
var platforms = map[string]platform{
	"linux/amd64":  {"linux/x64", []file{{"libonnxruntime.so.1", "ffb75a925ba05e47b235bb66e3e3911714a80b328a9c9425539feb204aa32a23"}}},
	"linux/arm64":  {"linux/arm64", []file{{"libonnxruntime.so.1", "1f549d46250b005580b597f4164984aaf75b3bcb9f3aeb07c7f8a8fe60b23c76"}}},
	"darwin/arm64": {"darwin/arm64", []file{{"libonnxruntime.1.dylib", "685d2be5dba1309c89d3a5324b7fd06a5c42f1a61bfea32d14c4cc28d072121d"}}},
	"windows/amd64": {"win32/x64", []file{
		{"onnxruntime.dll", "508c362f5673483dd3a086379c392795b2e42d10d5e6f3f90ebd7ac21c97af67"},
		{"DirectML.dll", "234e8898778cdec88d3cb0539508273494082812c968699f3de665a018971625"},
	}},
	"windows/arm64": {"win32/arm64", []file{
		{"onnxruntime.dll", "6c3a2abf5c6aca11c48a0d338a91af309f2266f25ce2e4084e6a87bbcb0fbfd0"},
		{"DirectML.dll", "aaf72a9d55aa123e0708d957d30dd4fbeb7a2e335ec6257ed5ff4261a402b9ee"},
	}},
}

// here returns the platform of this program.
func here() (platform, error) {
	p, ok := platforms[runtime.GOOS+"/"+runtime.GOARCH]
	if !ok {
		return p, fmt.Errorf("onnxruntime-node %s holds no library for %s/%s: build ONNX Runtime and give it by %s=FILE (%w)",
			Version, runtime.GOOS, runtime.GOARCH, Env, errors.ErrUnsupported)
	}
	return p, nil
}

// names are what the library is called on this system, likeliest first.
func names() []string {
	switch runtime.GOOS {
	case "windows":
		return []string{"onnxruntime.dll"}
	case "darwin":
		return []string{"libonnxruntime.1.dylib", "libonnxruntime.dylib"}
	}
	return []string{"libonnxruntime.so.1", "libonnxruntime.so"}
}

// Folders in the cache: what Install was given comes before what was fetched.
const local = "local"

// Dir returns the folder in the user's cache that holds the libraries of one
// version, or those that Install was given for version "local".
func Dir(version string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the user's cache folder: %w", err)
	}
	return filepath.Join(cache, "assay", "onnxruntime", version), nil
}

// Find returns the absolute path of the library: the file that Env names, one
// beside this executable, one that was installed, or one that was fetched. An
// error wraps errors.ErrUnsupported where there is none.
func Find() (string, error) {
	if p := os.Getenv(Env); p != "" {
		if err := regular(p); err != nil {
			return "", absent(fmt.Sprintf("%s=%s: %v", Env, p, err))
		}
		return filepath.Abs(p)
	}
	for _, dir := range dirs() {
		for _, n := range names() {
			if p := filepath.Join(dir, n); regular(p) == nil {
				return p, nil
			}
		}
	}
	return "", absent("ONNX Runtime's library is not here: run assay setup, or set " + Env + "=FILE")
}

// absent is an error of which the user reads the words alone, and errors.Is
// sees errors.ErrUnsupported.
type absent string

func (a absent) Error() string        { return string(a) }
func (a absent) Is(target error) bool { return target == errors.ErrUnsupported }

func dirs() []string {
	var out []string
	if exe, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(exe); err == nil {
			exe = real
		}
		out = append(out, filepath.Dir(exe))
	}
	for _, v := range []string{local, Version} {
		if d, err := Dir(v); err == nil {
			out = append(out, d)
		}
	}
	return out
}

// regular reports why path is not a file that can be opened.
func regular(path string) error {
	fi, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("no such file")
	case err != nil:
		return err
	case !fi.Mode().IsRegular():
		return errors.New("not a file")
	}
	return nil
}
