package host

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
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
		Board: board(root), Facts: facts(root, c),
	}
	if n := cpuList(text(root, "sys/devices/system/cpu/online")); n > 0 {
		d.Cores = n
	}
	if c.virtual {
		d.Virtual = "virtual machine"
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

// board is the device tree's model, or what the firmware calls the machine.
func board(root fs.FS) string {
	if m := text(root, "proc/device-tree/model"); m != "" {
		return m
	}
	vendor, product := text(root, "sys/class/dmi/id/sys_vendor"), text(root, "sys/class/dmi/id/product_name")
	return strings.TrimSpace(vendor + " " + product)
}

// boards maps entries of the device tree's compatible list to classes. Jetson
// modules are told apart by their part number: p3767-0000 and -0001 are Orin
// NX, -0003 to -0005 Orin Nano.
var boards = []struct{ prefix, class string }{
	{"nvidia,p3767-0000", "jetson-orin-nx"},
	{"nvidia,p3767-0001", "jetson-orin-nx"},
	{"nvidia,p3767-0003", "jetson-orin-nano"},
	{"nvidia,p3767-0004", "jetson-orin-nano"},
	{"nvidia,p3767-0005", "jetson-orin-nano"},
	{"nvidia,p3701-", "jetson-agx-orin"},
	{"nvidia,p3834-", "jetson-agx-thor"},
	{"nvidia,p3668-", "jetson-xavier-nx"},
	{"nvidia,p2888-", "jetson-agx-xavier"},
	{"nvidia,p3310-", "jetson-tx2"},
	{"nvidia,p3489-", "jetson-tx2"},
	{"nvidia,p3448-", "jetson-nano"},
	{"nvidia,jetson-nano", "jetson-nano"},
	{"raspberrypi,5-", "rpi5"},
	{"raspberrypi,500", "rpi500"},
	{"raspberrypi,4-model-b", "rpi4"},
	{"raspberrypi,400", "rpi400"},
	{"raspberrypi,4-compute", "rpi-cm4"},
	{"raspberrypi,3-model-b-plus", "rpi3b-plus"},
	{"raspberrypi,3-", "rpi3"},
	{"raspberrypi,model-zero-2", "rpi-zero2"},
	{"raspberrypi,2-", "rpi2"},
}

// class names the kind of device: boards by name, others by architecture, CPU
// and number of cores.
func class(root fs.FS, d Device) string {
	for entry := range strings.SplitSeq(text(root, "proc/device-tree/compatible"), "\x00") {
		for _, b := range boards {
			if _, rest, ok := strings.Cut(entry, "+"); ok && strings.HasPrefix("nvidia,"+rest, b.prefix) {
				return b.class // "nvidia,p3768-0000+p3767-0000": carrier+module
			}
			if strings.HasPrefix(entry, b.prefix) {
				return b.class
			}
		}
	}
	name := slug(d.CPU)
	if name == "" {
		name = slug(d.Board)
	}
	parts := []string{d.Arch, name, fmt.Sprintf("%dc", d.Cores)}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "-")
}

// facts are recorded with every run: they explain differences, and key nothing.
func facts(root fs.FS, c cpuinfo) map[string]string {
	const cpu = "sys/devices/system/cpu/"
	out := map[string]string{}
	for name, v := range map[string]string{
		"clock driver": each(root, cpu+"cpu[0-9]*/cpufreq/scaling_driver"),
		"smt":          text(root, cpu+"smt/control"),
		"thp":          chosen(text(root, "sys/kernel/mm/transparent_hugepage/enabled")),
		"aslr":         text(root, "proc/sys/kernel/randomize_va_space"),
		"microcode":    c.micro,
		"cpus online":  text(root, cpu+"online"),
		"l4t":          l4t(text(root, "etc/nv_tegra_release")),
		"boost":        boost(root),
		"container":    container(root),
	} {
		if v != "" {
			out[name] = v
		}
	}
	return out
}

// boost says whether the clock may rise above its nominal value.
func boost(root fs.FS) string {
	const cpu = "sys/devices/system/cpu/"
	if v := text(root, cpu+"intel_pstate/no_turbo"); v != "" {
		return map[string]string{"0": "on", "1": "off"}[v]
	}
	return map[string]string{"1": "on", "0": "off"}[text(root, cpu+"cpufreq/boost")]
}

// l4t shortens "# R36 (release), REVISION: 4.0, …" to "R36.4.0".
func l4t(s string) string {
	major, rest, ok := strings.Cut(strings.TrimPrefix(s, "# "), " ")
	_, minor, found := strings.Cut(rest, "REVISION: ")
	if !ok || !found {
		return ""
	}
	minor, _, _ = strings.Cut(minor, ",")
	return major + "." + minor
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
