package host

import (
	"io/fs"
	"math"
	"path"
	"strconv"
	"strings"

	"assay/bench/unit"
)

// groups lists the directories of a controller's cgroup that we are in, and of
// its ancestors, in both versions of cgroups. In a container the path may be
// that of the host: only what exists is listed.
func groups(root fs.FS, controller string) []string {
	var out []string
	for line := range strings.Lines(text(root, "proc/self/cgroup")) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) != 3 || len(f[2]) > 4096 { // PATH_MAX: no group has such a name
			continue
		}
		var mounts []string
		switch {
		case f[1] == "":
			mounts = []string{"sys/fs/cgroup", "sys/fs/cgroup/unified"}
		case strings.Contains(","+f[1]+",", ","+controller+","):
			mounts = []string{"sys/fs/cgroup/" + f[1], "sys/fs/cgroup/" + controller}
		}
		for _, mount := range mounts {
			if dirs := ancestors(root, mount, f[2]); len(dirs) > 0 {
				out = append(out, dirs...)
				break
			}
		}
	}
	return out
}

// ancestors lists a group's directory and those above it that exist.
func ancestors(root fs.FS, mount, group string) []string {
	var out []string
	for group = path.Clean("/" + group); ; group = path.Dir(group) {
		dir := mount + strings.TrimSuffix(group, "/")
		if info, err := fs.Stat(root, dir); err == nil && info.IsDir() {
			out = append(out, dir)
		}
		if group == "/" {
			return out
		}
	}
}

// cpuLimit is the least number of CPUs that a quota of our cgroup or of one
// above it allows, 0 where there is none.
func cpuLimit(root fs.FS) float64 {
	least := 0.0
	for _, dir := range groups(root, "cpu") {
		quota, period, _ := strings.Cut(text(root, dir+"/cpu.max"), " ") // "150000 100000", "max 100000"
		if quota == "" {
			quota, period = text(root, dir+"/cpu.cfs_quota_us"), text(root, dir+"/cpu.cfs_period_us") // −1 for none
		}
		q, ok := float(quota)
		p, known := float(period)
		if !known || p <= 0 {
			p = 100_000 // the kernel's own (Documentation/scheduler/sched-bwc.rst)
		}
		if ok && q > 0 && (least == 0 || q/p < least) {
			least = q / p
		}
	}
	return least
}

// memoryLimit is the least that our cgroup or one above it allows, in B, and
// what of it is free: not used, or used for files that can be dropped. 0, 0
// where there is no limit.
func memoryLimit(root fs.FS) (limit, free int64) {
	for _, dir := range groups(root, "memory") {
		max, ok := number(root, dir+"/memory.max") // "max" for none
		used, known := number(root, dir+"/memory.current")
		cache := "inactive_file"
		if !ok {
			max, ok = number(root, dir+"/memory.limit_in_bytes")
			used, known = number(root, dir+"/memory.usage_in_bytes")
			cache = "total_inactive_file"
		}
		if !ok || max <= 0 || max >= 1<<60 { // version 1 says 2⁶³ less a page for none
			continue
		}
		left := max
		if known {
			left = min(max, math.Max(0, max-used+fields(root, dir+"/memory.stat")[cache]))
		}
		if limit == 0 || int64(left) < free {
			free = int64(left)
		}
		if limit == 0 || int64(max) < limit {
			limit = int64(max)
		}
	}
	return limit, free
}

func cpuLimitText(root fs.FS) string {
	if n := cpuLimit(root); n > 0 {
		return strconv.FormatFloat(n, 'g', 4, 64)
	}
	return ""
}

func memoryLimitText(root fs.FS) string {
	if n, _ := memoryLimit(root); n > 0 {
		return unit.Format(float64(n), "B")
	}
	return ""
}
