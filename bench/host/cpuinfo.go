package host

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
)

// cpuinfo is what /proc/cpuinfo says of all CPUs together.
type cpuinfo struct {
	arch     string // GOARCH as far as the file tells, "" if it does not
	name     string
	cores    int
	features []string // of relevant, those that every CPU has
	mhz      float64  // mean of "cpu MHz", 0 where there is none
	micro    string   // microcode revision
	virtual  bool     // a hypervisor announces itself
	id       string   // family, model and stepping, or implementer, part and revision, as numbers
	revision string   // of a Raspberry Pi's board
}

// relevant are the instruction sets that kernels choose by, as the kernel
// spells them (arch/x86/include/asm/cpufeatures.h, arch/arm64/kernel/cpuinfo.c).
var relevant = []string{
	"sse4_1", "sse4_2", "avx", "f16c", "fma", "avx2", "avx_vnni", "avx512f", "avx512dq", "avx512bw", "avx512vl",
	"avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_int8", "amx_bf16",
	"neon", "vfpv4", "asimd", "fphp", "asimdhp", "asimddp", "asimdfhm", "sve", "sve2", "i8mm", "svei8mm", "bf16", "svebf16", "sme",
}

// parts names ARM cores by implementer and part (util-linux, sys-utils/lscpu-arm.c).
var parts = map[string]string{
	"0x41 0xb76": "ARM1176", "0x41 0xc07": "Cortex-A7", "0x41 0xc08": "Cortex-A8", "0x41 0xc09": "Cortex-A9", "0x41 0xc0d": "Cortex-A17",
	"0x41 0xc0e": "Cortex-A17", "0x41 0xc0f": "Cortex-A15", "0x41 0xd03": "Cortex-A53", "0x41 0xd04": "Cortex-A35",
	"0x41 0xd05": "Cortex-A55", "0x41 0xd07": "Cortex-A57", "0x41 0xd08": "Cortex-A72", "0x41 0xd09": "Cortex-A73",
	"0x41 0xd0a": "Cortex-A75", "0x41 0xd0b": "Cortex-A76", "0x41 0xd0c": "Neoverse-N1", "0x41 0xd0d": "Cortex-A77",
	"0x41 0xd0e": "Cortex-A76AE", "0x41 0xd40": "Neoverse-V1", "0x41 0xd41": "Cortex-A78", "0x41 0xd42": "Cortex-A78AE",
	"0x41 0xd44": "Cortex-X1", "0x41 0xd46": "Cortex-A510", "0x41 0xd47": "Cortex-A710", "0x41 0xd48": "Cortex-X2",
	"0x41 0xd49": "Neoverse-N2", "0x41 0xd4a": "Neoverse-E1", "0x41 0xd4b": "Cortex-A78C", "0x41 0xd4d": "Cortex-A715",
	"0x41 0xd4e": "Cortex-X3", "0x41 0xd4f": "Neoverse-V2", "0x41 0xd80": "Cortex-A520", "0x41 0xd81": "Cortex-A720",
	"0x41 0xd82": "Cortex-X4", "0x41 0xd83": "Neoverse-V3AE", "0x41 0xd84": "Neoverse-V3", "0x41 0xd8e": "Neoverse-N3",
	"0x4e 0x003": "Denver 2", "0x4e 0x004": "Carmel", "0x61 0x022": "Icestorm-M1", "0x61 0x023": "Firestorm-M1",
	"0xc0 0xac3": "Ampere-1", "0xc0 0xac4": "Ampere-1a",
}

// readCPU reads /proc/cpuinfo: a block of "key : value" lines per CPU.
func readCPU(root fs.FS) cpuinfo {
	var c cpuinfo
	var names, ids []string
	var all [][]string
	mhz, clocks := 0.0, 0
	block := map[string]string{}
	flush := func() {
		if _, ok := block["processor"]; ok {
			c.cores++
			if n := cpuName(block); n != "" && !slices.Contains(names, n) {
				names = append(names, n)
			}
			c.arch = cpuArch(block)
			c.micro = block["microcode"]
			if id := cpuID(block); id != "" && !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
			set := strings.Fields(block["flags"] + " " + block["Features"])
			c.virtual = c.virtual || slices.Contains(set, "hypervisor")
			all = append(all, set)
			if v, ok := float(block["cpu MHz"]); ok && v > 0 {
				mhz += v
				clocks++
			}
		}
		if r := block["Revision"]; r != "" {
			c.revision = r
		}
		block = map[string]string{}
	}
	for line := range strings.Lines(text(root, "proc/cpuinfo")) {
		if strings.TrimSpace(line) == "" {
			flush()
		} else if k, v, ok := strings.Cut(line, ":"); ok {
			block[strings.TrimSpace(k)] = strings.TrimSpace(v)
		}
	}
	flush()
	c.name, c.id = strings.Join(names, " + "), strings.Join(ids, " + ")
	for _, f := range relevant {
		if len(all) > 0 && !slices.ContainsFunc(all, func(set []string) bool { return !slices.Contains(set, f) }) {
			c.features = append(c.features, f)
		}
	}
	if clocks > 0 {
		c.mhz = mhz / float64(clocks)
	}
	return c
}

func cpuArch(block map[string]string) string {
	switch {
	case block["flags"] != "":
		return "amd64"
	case block["CPU architecture"] == "8" || block["CPU architecture"] == "AArch64":
		return "arm64"
	case block["CPU architecture"] != "":
		return "arm"
	case block["isa"] != "":
		return "riscv64"
	}
	return ""
}

// cpuID is the CPU's identity in numbers: "GenuineIntel 6/143/8" (family,
// model, stepping), "0x41/0xd0b r4p1" (implementer, part, revision).
func cpuID(block map[string]string) string {
	if impl := block["CPU implementer"]; impl != "" {
		return fmt.Sprintf("%s/%s r%sp%s", impl, block["CPU part"], strings.TrimPrefix(block["CPU variant"], "0x"), block["CPU revision"])
	}
	if v := block["vendor_id"]; v != "" {
		return fmt.Sprintf("%s %s/%s/%s", v, block["cpu family"], block["model"], block["stepping"])
	}
	return ""
}

// cpuName names one CPU. Virtual machines hide the model behind "AMD EPYC" or
// the like: there the microarchitecture is added, since classes rest on it.
func cpuName(block map[string]string) string {
	if impl := block["CPU implementer"]; impl != "" {
		if n := parts[impl+" "+block["CPU part"]]; n != "" {
			return n
		}
		return "ARM " + impl + "/" + block["CPU part"]
	}
	if u := block["uarch"]; u != "" {
		return u
	}
	name := block["model name"]
	if z := zen(block); z != "" && !strings.ContainsAny(name, "0123456789") {
		name += " " + z
	}
	return name
}

// zen names AMD's microarchitectures by family and model (Linux,
// arch/x86/kernel/cpu/amd.c, bsp_init_amd).
func zen(block map[string]string) string {
	if block["vendor_id"] != "AuthenticAMD" {
		return ""
	}
	f, _ := float(block["cpu family"])
	m, _ := float(block["model"])
	switch {
	case f == 0x17 && m < 0x30:
		return "Zen"
	case f == 0x17:
		return "Zen 2"
	case f == 0x19 && (m >= 0x10 && m <= 0x1f || m >= 0x60 && m <= 0xaf):
		return "Zen 4"
	case f == 0x19:
		return "Zen 3"
	case f == 0x1a:
		return "Zen 5"
	}
	return ""
}

var (
	noise    = regexp.MustCompile(`(?i)\((r|tm)\)|\bcpu\b|\bprocessor\b|\b\d+-core\b|@.*$|\bwith .*$`)
	unslugly = regexp.MustCompile(`[^a-z0-9]+`)
)

// slug makes a name fit for a class: "Intel(R) Core(TM) i7-8700 CPU @ 3.20GHz"
// becomes "intel-core-i7-8700".
func slug(s string) string {
	return strings.Trim(unslugly.ReplaceAllString(strings.ToLower(noise.ReplaceAllString(s, " ")), "-"), "-")
}
