package host

import (
	"encoding/binary"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

// compatible lists the device tree's compatible entries, the most specific
// first; none where there is no device tree.
func compatible(root fs.FS) []string {
	all := text(root, "proc/device-tree/compatible")
	if all == "" {
		return nil
	}
	return strings.Split(all, "\x00")
}

// board is the device tree's model, or what the firmware calls the machine.
func board(root fs.FS) string {
	if m := text(root, "proc/device-tree/model"); m != "" {
		return m
	}
	vendor, product := text(root, dmi+"sys_vendor"), text(root, dmi+"product_name")
	return strings.TrimSpace(vendor + " " + product)
}

const dmi = "sys/class/dmi/id/"

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
	for _, entry := range compatible(root) {
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

// soc names the chip: the least specific entry of the device tree that names
// one, without its vendor: "bcm2712", "tegra234".
func soc(root fs.FS) string {
	for _, entry := range compatible(root) {
		_, name, _ := strings.Cut(entry, ",")
		for _, family := range []string{"bcm", "tegra"} {
			if strings.HasPrefix(name, family) {
				return name
			}
		}
	}
	if c := compatible(root); len(c) > 1 {
		return c[len(c)-1]
	}
	return ""
}

// Fields of a new-style revision code of a Raspberry Pi (Raspberry Pi
// documentation, "Raspberry Pi revision codes").
var (
	piMemory = []string{"256 MB", "512 MB", "1 GB", "2 GB", "4 GB", "8 GB", "16 GB"}
	piChip   = []string{"BCM2835", "BCM2836", "BCM2837", "BCM2711", "BCM2712"}
	piMaker  = []string{"Sony UK", "Egoman", "Embest", "Sony Japan", "Embest", "Stadium"}
)

// piRevision says what a Raspberry Pi's revision code means, "" where there is
// none: "c04170: BCM2712, 4 GB, Sony UK, revision 0". Old-style codes (before
// the Pi 2) mean nothing by their bits.
func piRevision(root fs.FS, fromCPU string) string {
	code, err := strconv.ParseUint(fromCPU, 16, 32)
	if b := []byte(raw(root, "proc/device-tree/system/linux,revision")); err != nil && len(b) == 4 {
		code, err = uint64(binary.BigEndian.Uint32(b)), nil
	}
	if err != nil || code == 0 {
		return ""
	}
	if code>>23&1 == 0 {
		return fmt.Sprintf("%04x", code)
	}
	name := func(names []string, i uint64) string {
		if i < uint64(len(names)) {
			return names[i]
		}
		return "unknown"
	}
	return fmt.Sprintf("%x: %s, %s, %s, revision %d", code, name(piChip, code>>12&15), name(piMemory, code>>20&7), name(piMaker, code>>16&15), code&15)
}

// hypervisors maps what a firmware calls the machine to the hypervisor behind
// it (systemd, src/basic/virt.c, detect_vm_dmi_vendor). A guest on ARM has no
// flag that says so.
var hypervisors = []struct{ prefix, name string }{
	{"KVM", "kvm"},
	{"QEMU", "kvm"},
	{"OpenStack", "kvm"},
	{"VMware", "vmware"},
	{"innotek GmbH", "virtualbox"},
	{"VirtualBox", "virtualbox"},
	{"Xen", "xen"},
	{"Parallels", "parallels"},
	{"BHYVE", "bhyve"},
	{"Apple Virtualization", "apple"},
	{"Google Compute Engine", "kvm"},
	{"Virtual Machine", "hyper-v"},
}

// hypervisor names the hypervisor under this system, "" on bare metal.
func hypervisor(root fs.FS, flagged bool) string {
	if v := text(root, "sys/hypervisor/type"); v != "" {
		return v
	}
	for _, file := range []string{"product_name", "sys_vendor", "board_vendor", "bios_vendor"} {
		for _, h := range hypervisors {
			if strings.HasPrefix(text(root, dmi+file), h.prefix) {
				return h.name
			}
		}
	}
	if flagged {
		return "virtual machine"
	}
	return ""
}
