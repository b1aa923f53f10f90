//go:build amd64 || arm64 || arm || riscv64

package sandbox

import (
	"errors"
	"fmt"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What may be done with a file, and with a folder's content, where reading is
// allowed. Programs are there to be started: a worker's own, and the loader.
const (
	readFile = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_EXECUTE
	readDir  = unix.LANDLOCK_ACCESS_FS_READ_DIR
	device   = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
)

// system is what every program needs of a system: programs, libraries and what
// the kernel tells of the machine. Of processes outside it sees in /proc what
// everybody sees (landlock(7), "Ptrace restrictions"), unless it is root's.
var system = []string{
	"/usr", "/lib*", "/bin", "/sbin", "/opt", "/proc", "/sys",
	"/etc/ld.so*", "/etc/localtime", "/etc/nv*", "/etc/OpenCL", "/etc/vulkan",
}

// devices are what runtimes open: random numbers, and accelerators.
var devices = []string{
	"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom",
	"/dev/nvidia*", "/dev/nvhost*", "/dev/nvmap", "/dev/nvgpu*", "/dev/dri", "/dev/kfd", "/dev/dxg", "/dev/mali*", "/dev/rknpu*", "/dev/galcore", "/dev/apex*", "/dev/accel", "/dev/dma_heap",
}

// handled are the accesses that a version of Landlock can refuse; what it does
// not know it must not be told.
func handled(version int) uint64 {
	bits := 13 // of version 1
	switch {
	case version >= 5:
		bits = 16 // ioctl of devices
	case version >= 3:
		bits = 15 // truncate
	case version == 2:
		bits = 14 // refer
	}
	return 1<<bits - 1
}

func landlockVersion() (int, error) {
	v, _, e := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if e != 0 {
		return 0, e
	}
	return int(v), nil
}

// hideFiles leaves the calling thread what the system needs and read.
func hideFiles(version int, read []string) error {
	attr := unix.LandlockRulesetAttr{Handled_access_fs: handled(version)}
	// Older kernels know the first field alone, and take a longer struct whose rest is 0.
	fd, _, e := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0)
	if e != 0 {
		return fmt.Errorf("make a set of rules: %w", e)
	}
	defer unix.Close(int(fd))
	for _, g := range system {
		if err := allow(int(fd), g, readFile|readDir, attr.Handled_access_fs); err != nil {
			return err
		}
	}
	for _, g := range devices {
		if err := allow(int(fd), g, device|readDir, attr.Handled_access_fs); err != nil {
			return err
		}
	}
	for _, p := range read {
		if err := allowPath(int(fd), p, readFile|readDir, attr.Handled_access_fs); err != nil {
			return err
		}
	}
	if _, _, e := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0); e != 0 {
		return fmt.Errorf("restrict this thread: %w", e)
	}
	return nil
}

// allow adds a rule for all that matches a pattern, which may be nothing.
func allow(rules int, glob string, access, known uint64) error {
	found, err := filepath.Glob(glob)
	if err != nil {
		return err
	}
	for _, p := range found {
		if err := allowPath(rules, p, access, known); err != nil && !errors.Is(err, unix.ENOENT) {
			return err
		}
	}
	return nil
}

// allowPath adds a rule for a file, or for a folder and what is below it.
func allowPath(rules int, path string, access, known uint64) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		access &^= readDir
	}
	rule := unix.LandlockPathBeneathAttr{Allowed_access: access & known, Parent_fd: int32(fd)}
	_, _, e := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(rules), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
	if e != 0 {
		return fmt.Errorf("allow %s: %w", path, e)
	}
	return nil
}
