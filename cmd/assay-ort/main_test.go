package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"assay/bench/engine"
	"assay/bench/engine/ortlib"
)

// TestMain makes this test binary the worker, or the bare loop beside it,
// where ASSAY_ORT_TEST says so.
func TestMain(m *testing.M) {
	switch os.Getenv("ASSAY_ORT_TEST") {
	case "worker":
		os.Exit(run(context.Background(), nil, os.Stdout, os.Stderr))
	case "bare":
		if err := bare(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func library(t testing.TB) {
	t.Helper()
	if _, err := ortlib.Find(); err != nil {
		t.Skip(err)
	}
}

func TestUsage(t *testing.T) {
	check := func(code int, want string, args ...string) {
		t.Helper()
		var out, errs bytes.Buffer
		if got := run(t.Context(), args, &out, &errs); got != code || !strings.Contains(errs.String(), want) {
			t.Errorf("assay-ort %v = %d, %q; want %d, %q", args, got, errs.String(), code, want)
		}
	}
	check(0, "print what this runtime is", "--help")
	check(2, "-nonsense", "--nonsense")
	check(2, `unexpected argument "x"`, "x")
	t.Setenv(ortlib.Env, filepath.Join(t.TempDir(), "absent.so"))
	check(3, "no such file", "--probe")
	check(3, ortlib.Env, "--version")
}

func TestProbe(t *testing.T) {
	library(t)
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"--probe"}, &out, &errs); code != 0 {
		t.Fatalf("%d: %s", code, &errs)
	}
	var i engine.Info
	if err := json.Unmarshal(out.Bytes(), &i); err != nil || i.Name != "onnxruntime" || !slices.Contains(i.Providers, "cpu") {
		t.Errorf("%s, %v", &out, err)
	}
	out.Reset()
	if code := run(t.Context(), []string{"--version"}, &out, &errs); code != 0 || out.String() != "onnxruntime "+i.Build+"\n" {
		t.Errorf("%d: %q, %s", code, &out, &errs)
	}
}
