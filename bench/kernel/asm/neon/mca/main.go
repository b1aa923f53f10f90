// Command mca estimates the inner loops of the arm64 kernels: go run
// ./bench/kernel/asm/neon/mca prints the table of docs/performance.md. It
// disassembles them as built and gives them to llvm-mca, which simulates the
// pipelines of a core as LLVM's scheduling model describes them, with all data
// in the first cache. Needs aarch64-linux-gnu-objdump and llvm-mca (Debian's
// binutils-aarch64-linux-gnu and llvm-19).
package main

import (
	"bytes"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// cores, and the scheduling models that stand for them. LLVM 19 has none of
// Cortex-A76 and A78 (it takes Cortex-A57's), but those of Neoverse N1, which is
// A76's core, and of N2, which is that of A710, A78's successor. Models leave
// out that a core decodes so many instructions in a cycle (Arm's optimization
// guides, "Pipeline overview").
var cores = []struct {
	core, model string
	decode      float64
}{
	{"Cortex-A72", "cortex-a72", 3},
	{"Cortex-A76", "neoverse-n1", 4},
	{"Cortex-A78", "neoverse-n2", 4},
}

var kernels = []struct {
	pkg, name string
	dot       bool // needs the dot product, which Cortex-A72 lacks
}{
	{"gemm", "neon_6x16", false},
	{"gemm", "neon_8x8", false},
	{"gemm", "neon_1x16", false},
	{"conv", "neon_8xc", false},
	{"qgemm", "dot_6x16", true},
	{"qgemm", "dot_8x8", true},
	{"qgemm", "neon_4x16", false},
}

// multiplies are the instructions that multiply, and how often each does.
var multiplies = map[string]int{"fmla": 4, "sdot": 16, "smull": 8, "smull2": 8, "sadalp": 0}

func main() {
	tool := flag.String("mca", "llvm-mca-19", "llvm-mca")
	flag.Parse()
	log.SetFlags(0)
	fmt.Println("| kernel | core | loop: instructions, MACs | cycles | cycles per MAC | multipliers alone | of peak |\n|---|---|---|---|---|---|---|")
	for _, k := range kernels {
		function, err := disassemble(k.pkg, k.name)
		if err != nil {
			log.Fatal(err)
		}
		loop := innerLoop(function)
		macs, bare := count(loop)
		for _, c := range cores {
			if k.dot && c.core == "Cortex-A72" {
				continue
			}
			cycles, err := estimate(*tool, c.model, loop, "Total Cycles")
			if err != nil {
				log.Fatal(err)
			}
			cycles = max(cycles, float64(len(loop))/c.decode)
			least, err := estimate(*tool, c.model, bare, "Block RThroughput")
			if err != nil {
				log.Fatal(err)
			}
			m := float64(macs)
			fmt.Printf("| %s %s | %s | %d, %d | %.2f | %.3f | %.3f | %.0f %% |\n", k.pkg, k.name, c.core, len(loop), macs, cycles, cycles/m, least/m, 100*least/cycles)
		}
	}
}

// An instruction as objdump prints it: address, word, text.
var line = regexp.MustCompile(`^ +([0-9a-f]+):\t[0-9a-f]+ \t(.+)$`)

// disassemble returns what objdump prints of a kernel, built for arm64.
func disassemble(pkg, name string) (string, error) {
	dir, err := os.MkdirTemp("", "mca")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	bin := filepath.Join(dir, pkg+".test")
	build := exec.Command("go", "test", "-c", "-o", bin, "./bench/kernel/"+pkg)
	build.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	symbol := "assay/bench/kernel/" + pkg + "." + name + ".abi0"
	out, err := exec.Command("aarch64-linux-gnu-objdump", "--disassemble="+symbol, bin).Output()
	if err != nil {
		return "", fmt.Errorf("disassemble %s: %w", symbol, err)
	}
	return string(out), nil
}

// innerLoop returns the longest loop that has no other in it, of a function as
// objdump prints it; nil where there is none.
func innerLoop(function string) []string {
	var text, loop []string
	at := map[string]int{} // index in text by address
	last := -1             // where the loop before ended
	for l := range strings.Lines(function) {
		m := line.FindStringSubmatch(strings.TrimRight(l, "\n"))
		if m == nil {
			continue
		}
		at[m[1]] = len(text)
		op := strings.Fields(m[2])
		text = append(text, strings.Join(op, " "))
		if !strings.HasPrefix(op[0], "b.") {
			continue
		}
		if from, back := at[op[1]]; back && from > last {
			last = len(text) - 1
			if last-from+1 > len(loop) {
				loop = append(slices.Clone(text[from:last]), op[0]+" .")
			}
		}
	}
	return loop
}

// count returns the multiplications of a loop, and its instructions that
// multiply and add alone.
func count(loop []string) (macs int, bare []string) {
	for _, l := range loop {
		op, _, _ := strings.Cut(l, " ")
		if n, ok := multiplies[op]; ok {
			macs += n
			bare = append(bare, l)
		}
	}
	return macs, bare
}

// estimate returns a figure of llvm-mca's summary, for one iteration.
func estimate(tool, model string, loop []string, figure string) (float64, error) {
	const iterations = 1000
	cmd := exec.Command(tool, "-mtriple=aarch64", "-mcpu="+model, "-mattr=+dotprod", "-iterations="+strconv.Itoa(iterations), "-resource-pressure=0", "-instruction-info=0")
	cmd.Stdin = strings.NewReader(strings.Join(loop, "\n") + "\n")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("%s: %w\n%s", tool, err, &stderr)
	}
	for l := range strings.Lines(string(out)) {
		if name, value, ok := strings.Cut(l, ":"); ok && name == figure {
			v, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if figure == "Total Cycles" {
				v /= iterations
			}
			return v, err
		}
	}
	return 0, fmt.Errorf("%s printed no %q", tool, figure)
}
