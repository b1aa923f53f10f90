package host

import (
	"io/fs"
	"path"
	"strings"
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
