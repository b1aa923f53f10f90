package neon

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// every returns the instructions with registers that set each bit of each field.
func every() []Instruction {
	var out []Instruction
	for _, r := range [][3]int{{0, 0, 0}, {31, 0, 0}, {0, 31, 0}, {0, 0, 31}, {18, 1, 16}, {10, 21, 15}} {
		d, n, m := r[0], r[1], r[2]
		for i := range 4 {
			out = append(out, FMLA(d, n, m, i), SDOT(d, n, m, i))
		}
		out = append(out, FADD(d, n, m), FMAX(d, n, m), FMIN(d, n, m), MUL(d, n, m), SMULL(d, n, m), SMULL2(d, n, m), SADALP(d, n))
	}
	return out
}

// TestEncoding holds encodings to those that GNU as 2.40 gave.
func TestEncoding(t *testing.T) {
	for _, c := range []struct {
		got  Instruction
		word uint32
	}{
		{FMLA(18, 1, 0, 2), 0x4f801832},
		{FMLA(31, 2, 29, 3), 0x4fbd185f},
		{SDOT(2, 17, 30, 1), 0x4fbee222},
		{FADD(3, 4, 31), 0x4e3fd483},
		{FMAX(3, 30, 5), 0x4e25f7c3},
		{FMIN(31, 4, 5), 0x4ea5f49f},
		{MUL(3, 4, 29), 0x4ebd9c83},
		{SMULL(17, 4, 5), 0x0e25c091},
		{SMULL2(3, 20, 21), 0x4e35c283},
		{SADALP(19, 6), 0x4e6068d3},
	} {
		if c.got.Word != c.word {
			t.Errorf("%s is %#08x, want %#08x", c.got.Text, c.got.Word, c.word)
		}
	}
}

// TestAssembler holds all encodings to the assembler of this machine.
func TestAssembler(t *testing.T) {
	const as, objcopy = "aarch64-linux-gnu-as", "aarch64-linux-gnu-objcopy"
	for _, tool := range []string{as, objcopy} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%v (package binutils-aarch64-linux-gnu)", err)
		}
	}
	dir := t.TempDir()
	src, obj, bin := filepath.Join(dir, "x.s"), filepath.Join(dir, "x.o"), filepath.Join(dir, "x.bin")
	var text strings.Builder
	for _, x := range every() {
		text.WriteString(x.Text + "\n")
	}
	if err := os.WriteFile(src, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range [][]string{{as, "-march=armv8.2-a+dotprod", "-o", obj, src}, {objcopy, "-O", "binary", obj, bin}} {
		if out, err := exec.Command(c[0], c[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", c[0], err, out)
		}
	}
	words, err := os.ReadFile(bin)
	if err != nil || len(words) != 4*len(every()) {
		t.Fatalf("%d bytes for %d instructions: %v", len(words), len(every()), err)
	}
	for i, x := range every() {
		if w := binary.LittleEndian.Uint32(words[4*i:]); w != x.Word {
			t.Errorf("%s is %#08x, want %#08x", x.Text, x.Word, w)
		}
	}
}
