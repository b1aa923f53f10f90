package runner

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
)

func TestPinned(t *testing.T) {
	c := command("serve")
	c.CPUs = []int{0}
	w := start(t, c)
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.Pid()))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), "Cpus_allowed_list:\t0\n") {
		t.Errorf("the worker is not pinned to core 0:\n%s", b)
	}
	self, _ := os.ReadFile("/proc/self/status")
	if runtime.NumCPU() > 1 && strings.Contains(string(self), "Cpus_allowed_list:\t0\n") {
		t.Error("the host is pinned too")
	}
	c.CPUs = []int{1000}
	if _, err := Start(patience(t), c); err == nil || !strings.Contains(err.Error(), "pin to cores [1000]") {
		t.Errorf("start on a core that is not there: %v", err)
	}
}
