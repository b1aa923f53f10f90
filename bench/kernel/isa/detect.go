package isa

import (
	"runtime"
	"slices"

	"golang.org/x/sys/cpu"
)

// detect lists the extensions that kernels may ask for, sorted. Names are
// those of Linux's /proc/cpuinfo where it has one.
func detect() []string {
	var out []string
	add := func(name string, ok bool) {
		if ok {
			out = append(out, name)
		}
	}
	switch runtime.GOARCH {
	case "amd64":
		x := cpu.X86
		avx512 := x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL
		add("avx2", x.HasAVX2)
		add("fma", x.HasFMA)
		add("avx512", avx512)
		add("avx512_vnni", avx512 && x.HasAVX512VNNI)
		add("avx_vnni", x.HasAVXVNNI)
	case "arm64":
		a := cpu.ARM64
		add("asimd", a.HasASIMD)
		add("asimddp", a.HasASIMDDP)
		add("asimdhp", a.HasASIMDHP)
		add("i8mm", a.HasI8MM)
		add("sve", a.HasSVE)
	}
	slices.Sort(out)
	return out
}
