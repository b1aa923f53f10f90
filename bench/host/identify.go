package host

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/shirou/gopsutil/v3/cpu"
	pshost "github.com/shirou/gopsutil/v3/host"
	"github.com/shirou/gopsutil/v3/mem"
)

// Identify says what device sys is. It fails only where nothing at all tells
// what the machine is.
func Identify(sys System) (Device, error) {
	root := sys.FS
	c := readCPU(root)
	d := Device{
		Arch: c.arch, OS: "linux", CPU: c.name, Cores: c.cores, Features: c.features,
		Kernel: text(root, "proc/sys/kernel/osrelease"), Name: text(root, "proc/sys/kernel/hostname"),
		Board: board(root), Facts: facts(sys, c),
	}
	if n := cpuList(text(root, "sys/devices/system/cpu/online")); n > 0 {
		d.Cores = n
	}
	d.Virtual = hypervisor(root, c.virtual)
	if m := fields(root, "proc/meminfo")["MemTotal:"]; m > 0 {
		d.Memory = int64(m) * 1024
	}
	if sys.live() {
		d.ask()
	}
	if d.Cores == 0 && d.Board == "" {
		return d, fmt.Errorf("identify the device: neither /proc/cpuinfo nor /sys names a CPU: %w", fs.ErrNotExist)
	}
	d.Class = class(root, d)
	d.ID = d.identity(root)
	return d, nil
}

// ask adds what the running system knows better than its files.
func (d *Device) ask() {
	d.Arch, d.OS = runtime.GOARCH, runtime.GOOS
	if d.Cores == 0 {
		d.Cores = runtime.NumCPU()
	}
	if h, err := pshost.Info(); err == nil {
		d.Name, d.Kernel = h.Hostname, h.KernelVersion
		d.virtualize(h.VirtualizationSystem, h.VirtualizationRole)
	}
	if m, err := mem.VirtualMemory(); err == nil {
		d.Memory = int64(m.Total)
	}
	if d.CPU != "" {
		return
	}
	if infos, err := cpu.Info(); err == nil && len(infos) > 0 {
		d.CPU = infos[0].ModelName
		for _, f := range relevant {
			for _, have := range infos[0].Flags {
				if f == strings.ToLower(have) {
					d.Features = append(d.Features, f)
				}
			}
		}
	}
}

// virtualize adds what gopsutil found: a hypervisor's name, or that of a
// container, which may itself be inside a virtual machine.
func (d *Device) virtualize(system, role string) {
	switch {
	case role != "guest" || system == "":
	case slices.Contains(containers, system):
		if d.Facts["container"] == "" {
			d.Facts["container"] = system
		}
	default:
		d.Virtual = system
	}
}

// containers are the systems of gopsutil that are no machines.
var containers = []string{"docker", "podman", "lxc", "rkt", "openvz", "systemd-nspawn", "linux-vserver", "wsl"}

// salt keeps the ID from being the machine-id, which must not leave the
// machine (systemd, machine-id(5)).
const salt = "assay device "

// identity returns the first 12 hex digits of a salted SHA-256 of the most
// stable thing that the device has.
func (d *Device) identity(root fs.FS) string {
	source := "machine-id"
	id := text(root, "etc/machine-id")
	if id == "" || id == "uninitialized" {
		id = text(root, "var/lib/dbus/machine-id")
	}
	if id == "" {
		id, source = text(root, "proc/device-tree/serial-number"), "the board's serial number"
	}
	if id == "" && isLive(root) {
		if h, err := pshost.HostID(); err == nil {
			id, source = h, "the system's host id"
		}
	}
	if id == "" {
		id, source = strings.Join([]string{d.Name, d.Class, d.Board}, "/"), "host name and class (no machine-id)"
	}
	d.Facts["id"] = "from " + source
	sum := sha256.Sum256([]byte(salt + id))
	return hex.EncodeToString(sum[:])[:12]
}

// facts are recorded with every run: they explain differences, and key nothing.
func facts(sys System, c cpuinfo) map[string]string {
	const cpu = "sys/devices/system/cpu/"
	root := sys.FS
	release := l4t(text(root, "etc/nv_tegra_release"))
	mode, _ := powerMode(sys) // that it could not be had is said by the condition
	out := map[string]string{}
	for name, v := range map[string]string{
		"clock driver":  each(root, cpu+"cpu[0-9]*/cpufreq/scaling_driver"),
		"smt":           text(root, cpu+"smt/control"),
		"thp":           chosen(text(root, "sys/kernel/mm/transparent_hugepage/enabled")),
		"aslr":          text(root, "proc/sys/kernel/randomize_va_space"),
		"microcode":     c.micro,
		"cpu id":        c.id,
		"cpus online":   text(root, cpu+"online"),
		"cpus isolated": text(root, cpu+"isolated"),
		"numa nodes":    nodes(root),
		"soc":           soc(root),
		"compatible":    strings.Join(compatible(root), " "),
		"firmware":      strings.TrimSpace(text(root, dmi+"bios_vendor") + " " + text(root, dmi+"bios_version")),
		"pi revision":   piRevision(root, c.revision),
		"l4t":           release,
		"jetpack":       jetpacks[release],
		"power mode":    mode,
		"jetson_clocks": jetsonClocks(sys),
		"boost":         boost(root),
		"container":     container(root),
		"cgroup cpus":   cpuLimitText(root),
		"cgroup memory": memoryLimitText(root),
	} {
		if v != "" {
			out[name] = v
		}
	}
	return out
}

// nodes counts the NUMA nodes, "" where the kernel does not tell.
func nodes(root fs.FS) string {
	if n := cpuList(text(root, "sys/devices/system/node/online")); n > 0 {
		return strconv.Itoa(n)
	}
	return ""
}

// boost says whether the clock may rise above its nominal value.
func boost(root fs.FS) string {
	const cpu = "sys/devices/system/cpu/"
	if v := text(root, cpu+"intel_pstate/no_turbo"); v != "" {
		return map[string]string{"0": "on", "1": "off"}[v]
	}
	return map[string]string{"1": "on", "0": "off"}[text(root, cpu+"cpufreq/boost")]
}

// container names the container that assay runs in, "" outside of one.
func container(root fs.FS) string {
	for path, name := range map[string]string{".dockerenv": "docker", "run/.containerenv": "podman"} {
		if _, err := fs.Stat(root, path); err == nil {
			return name
		}
	}
	if isLive(root) {
		return os.Getenv("container") // set by systemd-nspawn, lxc and podman
	}
	return ""
}
