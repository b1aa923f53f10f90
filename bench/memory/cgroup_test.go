package memory

import (
	"errors"
	"testing"
	"testing/fstest"
)

// TestFindHome: a group is made only where it changes nothing but who counts.
func TestFindHome(t *testing.T) {
	const own = "sys/fs/cgroup/system.slice/assay.service/"
	for _, c := range []struct {
		name  string
		files map[string]string
		want  home // zero where there is no place
	}{
		{"v1", map[string]string{
			"proc/self/cgroup": "9:cpu,cpuacct:/a\n4:memory:/b/c\n0::/\n",
			"sys/fs/cgroup/memory/b/c/memory.use_hierarchy": "1\n",
		}, home{"sys/fs/cgroup/memory/b/c", peakV1}},
		{"v1, root", map[string]string{
			"proc/self/cgroup":                          "4:memory:/\n",
			"sys/fs/cgroup/memory/memory.use_hierarchy": "1\n",
		}, home{"sys/fs/cgroup/memory", peakV1}},
		{"v1 without hierarchy: a worker would escape our limit", map[string]string{
			"proc/self/cgroup": "4:memory:/b\n",
			"sys/fs/cgroup/memory/b/memory.use_hierarchy": "0\n",
		}, home{}},
		{"v2, beside our own", map[string]string{
			"proc/self/cgroup": "0::/system.slice/assay.service\n",
			own + "memory.max": "max\n",
			own + "memory.low": "0\n",
			"sys/fs/cgroup/system.slice/cgroup.subtree_control": "memory pids\n",
		}, home{"sys/fs/cgroup/system.slice", peakV2}},
		{"v2, root", map[string]string{
			"proc/self/cgroup":                     "0::/\n",
			"sys/fs/cgroup/cgroup.subtree_control": "memory\n",
		}, home{"sys/fs/cgroup", peakV2}},
		{"v2 with a limit that a worker would escape", map[string]string{
			"proc/self/cgroup":  "0::/system.slice/assay.service\n",
			own + "memory.high": "1073741824\n",
			"sys/fs/cgroup/system.slice/cgroup.subtree_control": "memory pids\n",
		}, home{}},
		{"v2 with a protection that a worker would lose", map[string]string{
			"proc/self/cgroup": "0::/system.slice/assay.service\n",
			own + "memory.min": "1048576\n",
			"sys/fs/cgroup/system.slice/cgroup.subtree_control": "memory pids\n",
		}, home{}},
		{"v2 with cpuset, which would undo the pinning", map[string]string{
			"proc/self/cgroup":                     "0::/\n",
			"sys/fs/cgroup/cgroup.subtree_control": "cpuset memory\n",
		}, home{}},
		{"v2 with cpu, which would weigh the worker anew", map[string]string{
			"proc/self/cgroup": "0::/system.slice/assay.service\n",
			"sys/fs/cgroup/system.slice/cgroup.subtree_control": "cpu memory pids\n",
		}, home{}},
		{"v2 in a container: nothing is handed down", map[string]string{
			"proc/self/cgroup":                     "0::/\n",
			"sys/fs/cgroup/cgroup.subtree_control": "\n",
		}, home{}},
		{"no cgroups", nil, home{}},
		{"nonsense", map[string]string{"proc/self/cgroup": "memory\n:::\n4:memory:../../..\n0::\n"}, home{}},
	} {
		tree := fstest.MapFS{}
		for name, text := range c.files {
			tree[name] = &fstest.MapFile{Data: []byte(text)}
		}
		got, err := findHome(tree)
		if got != c.want || (err == nil) != (c.want != home{}) || err != nil && !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s: %+v, %v; want %+v", c.name, got, err, c.want)
		}
	}
}
