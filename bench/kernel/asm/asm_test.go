package asm

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestAVX2Registers looks for registers that only AVX-512 has in the kernels
// for AVX2: avo takes them, silently, where the first 16 do not suffice, and
// an older CPU would stop at them.
func TestAVX2Registers(t *testing.T) {
	files, err := filepath.Glob("../*/kernels_amd64.s")
	if err != nil || len(files) == 0 {
		t.Fatalf("no kernels: %v", err)
	}
	newer := regexp.MustCompile(`\b([XY](1[6-9]|2\d|3[01])|Z\d+|K[0-7])\b`)
	seen := 0
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range strings.Split(string(b), "\nTEXT ·")[1:] {
			name, body, _ := strings.Cut(f, "(SB)")
			if !strings.HasPrefix(name, AVX2.ISA) {
				continue
			}
			seen++
			if r := newer.FindString(body); r != "" {
				t.Errorf("%s: %s uses %s", path, name, r)
			}
		}
	}
	if seen == 0 {
		t.Error("no kernel for AVX2 was seen")
	}
}
