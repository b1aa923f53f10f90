//go:build amd64 || arm64 || arm || riscv64

package sandbox

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// arch is how the kernel calls the architecture whose numbers of system calls
// this program was built with (linux/audit.h).
var arch = map[string]uint32{
	"amd64": unix.AUDIT_ARCH_X86_64, "arm64": unix.AUDIT_ARCH_AARCH64, "arm": unix.AUDIT_ARCH_ARM, "riscv64": unix.AUDIT_ARCH_RISCV64,
}[runtime.GOARCH]

// Offsets in what a filter sees of a call (linux/seccomp.h, struct seccomp_data).
const (
	dataNumber = 0
	dataArch   = 4
)

// x32 marks the calls of another ABI on x86-64, with numbers of their own.
const x32 = 0x40000000

// filter refuses to make a socket, of whatever family, and to make one by way
// of io_uring, with EACCES; pairs of connected sockets lead nowhere and stay.
// Calls of another architecture, which this machine may know too, are refused
// altogether.
func filter() []unix.SockFilter {
	load := func(k uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: k}
	}
	jump := func(op uint16, k uint32, yes, no uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | op | unix.BPF_K, Jt: yes, Jf: no, K: k}
	}
	ret := func(k uint32) unix.SockFilter { return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k} }
	f := []unix.SockFilter{load(dataArch), jump(unix.BPF_JEQ, arch, 1, 0), ret(unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)), load(dataNumber)}
	if runtime.GOARCH == "amd64" {
		f = append(f, jump(unix.BPF_JGE, x32, 2, 0))
	}
	return append(f,
		jump(unix.BPF_JEQ, unix.SYS_SOCKET, 1, 0),
		jump(unix.BPF_JEQ, unix.SYS_IO_URING_SETUP, 0, 1),
		ret(unix.SECCOMP_RET_ERRNO|uint32(unix.EACCES)),
		ret(unix.SECCOMP_RET_ALLOW),
	)
}

// refuseSockets sets the filter. SPEC_ALLOW keeps kernels before 5.16 from
// turning off speculation for the process, which would change what is measured
// (Documentation/admin-guide/hw-vuln/spectre.rst).
func refuseSockets() error {
	f := filter()
	prog := unix.SockFprog{Len: uint16(len(f)), Filter: &f[0]}
	_, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW, uintptr(unsafe.Pointer(&prog)))
	if e != 0 {
		return e
	}
	return nil
}
