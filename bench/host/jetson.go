package host

import (
	"context"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// tegra reports whether this is a Jetson: only there its commands are asked.
func tegra(root fs.FS) bool {
	return slices.ContainsFunc(compatible(root), func(s string) bool { return strings.HasPrefix(s, "nvidia,tegra") })
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

// jetpacks maps L4T to the JetPack that it came with (NVIDIA, Jetson Linux
// archive and JetPack archive).
var jetpacks = map[string]string{
	"R32.4.3": "4.4", "R32.4.4": "4.4.1", "R32.5.0": "4.5", "R32.5.1": "4.5.1", "R32.5.2": "4.5.1", "R32.6.1": "4.6",
	"R32.7.1": "4.6.1", "R32.7.2": "4.6.2", "R32.7.3": "4.6.3", "R32.7.4": "4.6.4", "R32.7.5": "4.6.5", "R32.7.6": "4.6.6",
	"R35.1.0": "5.0.2", "R35.2.1": "5.1", "R35.3.1": "5.1.1", "R35.4.1": "5.1.2", "R35.5.0": "5.1.3", "R35.6.0": "5.1.4", "R35.6.2": "5.1.5",
	"R36.2.0": "6.0 DP", "R36.3.0": "6.0", "R36.4.0": "6.1", "R36.4.3": "6.2", "R36.4.4": "6.2.1", "R38.2.0": "7.0",
}

// powerMode asks nvpmodel, which prints "NV Power Mode: 15W" and, on a line of
// its own, the mode's number; "15W (mode 2)". "" where this is no Jetson.
func powerMode(sys System) (string, error) {
	if !tegra(sys.FS) {
		return "", nil
	}
	out, err := sys.Run(context.Background(), "nvpmodel", "-q")
	if err != nil {
		return "", err
	}
	return parsePowerMode(string(out))
}

func parsePowerMode(s string) (string, error) {
	_, rest, ok := strings.Cut(s, "NV Power Mode:")
	name, rest, _ := strings.Cut(rest, "\n")
	if name = printable(strings.TrimSpace(name)); !ok || name == "" {
		return "", fmt.Errorf("nvpmodel -q: %.60q names no power mode", s)
	}
	for line := range strings.Lines(rest) {
		if n, err := strconv.Atoi(strings.TrimSpace(line)); err == nil {
			return fmt.Sprintf("%s (mode %d)", name, n), nil
		}
	}
	return name, nil
}

var clockRange = regexp.MustCompile(`(?m)^cpu\d+:.*\bMinFreq=(\d+)\s+MaxFreq=(\d+)`)

// jetsonClocks says whether jetson_clocks holds the CPUs at their highest
// clock: "on" or "off". It needs root; without, the cpufreq files say the same.
// "" where this is no Jetson, or nothing tells.
func jetsonClocks(sys System) string {
	if !tegra(sys.FS) {
		return ""
	}
	var ranges [][2]string
	if out, err := sys.Run(context.Background(), "jetson_clocks", "--show"); err == nil {
		for _, m := range clockRange.FindAllStringSubmatch(string(out), -1) {
			ranges = append(ranges, [2]string{m[1], m[2]})
		}
	}
	if len(ranges) == 0 {
		for _, dir := range Glob(sys.FS, "sys/devices/system/cpu/cpu[0-9]*/cpufreq") {
			ranges = append(ranges, [2]string{text(sys.FS, dir+"/scaling_min_freq"), text(sys.FS, dir+"/scaling_max_freq")})
		}
	}
	if len(ranges) == 0 {
		return ""
	}
	for _, r := range ranges {
		if r[0] == "" || r[0] != r[1] {
			return "off"
		}
	}
	return "on"
}
