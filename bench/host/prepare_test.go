package host

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// preparer makes a child of this test binary prepare the tree in it, say so on
// stdout, and wait to be killed.
const preparer = "ASSAY_TEST_PREPARE"

// unpack writes a recorded tree to a folder, since a preparation writes.
func unpack(t *testing.T, fixture string) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("cpufreq is Linux's")
	}
	root := t.TempDir()
	for path, f := range recorded(t, fixture, "") {
		if !strings.HasPrefix(path, "sys/devices/system/cpu") {
			continue
		}
		file := filepath.Join(root, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, f.Data, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	put(t, root, "proc/sys/kernel/random/boot_id", "one")
	return root
}

func put(t *testing.T, root, path, value string) {
	t.Helper()
	file := filepath.Join(root, path)
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(value+"\n"), 0o644)); err != nil {
		t.Fatal(err)
	}
}

const (
	governor0 = switchRoot + "cpu0/cpufreq/scaling_governor"
	governor1 = switchRoot + "cpu1/cpufreq/scaling_governor"
	noTurbo   = switchRoot + "intel_pstate/no_turbo"
	amdBoost  = switchRoot + "cpufreq/boost"
)

// says checks the values of files, given as path, value, path, value, …
func says(t *testing.T, when, root string, want ...string) {
	t.Helper()
	for i := 0; i < len(want); i += 2 {
		if got := text(os.DirFS(root), want[i]); got != want[i+1] {
			t.Errorf("%s: %s is %q, want %q", when, want[i], got, want[i+1])
		}
	}
}

func TestPrepare(t *testing.T) {
	for _, c := range []struct {
		fixture     string
		did         string
		before, set []string
	}{
		{"x86-intel-rapl", "governor performance, boost off", []string{governor0, "powersave", governor1, "powersave", noTurbo, "0"}, []string{governor0, "performance", governor1, "performance", noTurbo, "1"}},
		{"x86-amd", "governor performance, boost off", []string{governor0, "schedutil", amdBoost, "1"}, []string{governor0, "performance", amdBoost, "0"}},
		{"rpi5", "governor performance", []string{governor0, "ondemand"}, []string{governor0, "performance"}},
		{"arm-server", "", []string{governor0, "performance"}, []string{governor0, "performance"}},
	} {
		root, dir := unpack(t, c.fixture), filepath.Join(t.TempDir(), "state")
		says(t, c.fixture+" before", root, c.before...)
		p, doubts := Prepare(root, dir)
		if len(doubts) > 0 || p.Did() != c.did {
			t.Errorf("%s: did %q, doubts %q; want %q", c.fixture, p.Did(), doubts, c.did)
		}
		says(t, c.fixture+" prepared", root, c.set...)
		if said := p.Restore(); len(said) > 0 {
			t.Errorf("%s: %q", c.fixture, said)
		}
		says(t, c.fixture+" restored", root, c.before...)
		if said := p.Restore(); len(said) > 0 {
			t.Errorf("%s, a second time: %q", c.fixture, said)
		}
		if _, err := os.Stat(filepath.Join(dir, journalName)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: the journal is still there: %v", c.fixture, err)
		}
	}
}

// TestPrepareDoubts: where nothing can be set it is said, and nothing fails.
func TestPrepareDoubts(t *testing.T) {
	p, doubts := Prepare(t.TempDir(), t.TempDir())
	one(t, "no cpufreq", doubts, "there is no cpufreq here")
	if p.Did() != "" || p.Restore() != nil {
		t.Error("something was done without cpufreq")
	}
	root := unpack(t, "rpi5")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	_, doubts = Prepare(root, file)
	one(t, "no place for the journal", doubts, "not a directory")
	says(t, "no place for the journal", root, governor0, "ondemand")
	dir := t.TempDir()
	first, doubts := Prepare(root, dir)
	if len(doubts) > 0 {
		t.Fatal(doubts)
	}
	second, doubts := Prepare(root, dir)
	one(t, "two runs", doubts, "another run has prepared")
	second.Restore()
	says(t, "the second run has ended", root, governor0, "performance")
	if said, err := Recover(root, dir); len(said) > 0 || err != nil {
		t.Errorf("recovered while the first still runs: %q, %v", said, err)
	}
	put(t, root, governor1, "userspace") // somebody else
	one(t, "somebody else", first.Restore(), `is "userspace", which is not what assay had set`)
	says(t, "the first run has ended", root, governor0, "ondemand", governor1, "userspace")
	if os.Geteuid() != 0 {
		os.Chmod(filepath.Join(root, governor0), 0o444)
		_, doubts = Prepare(root, dir)
		one(t, "not root", doubts, "run as root: sudo assay run --prepare")
	}
}

// killed prepares a tree in a child process and kills it in mid-run.
func killed(t *testing.T, root, dir string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(exe)
	c.Env = append(os.Environ(), preparer+"="+root+"\n"+dir)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "prepared\n" {
		t.Errorf("the child said %q, %v", line, err)
	}
	says(t, "in mid-run", root, governor0, "performance", governor1, "performance", noTurbo, "1")
	if _, err := os.Stat(filepath.Join(dir, journalName)); err != nil {
		t.Error(err)
	}
	c.Process.Kill() // SIGKILL
	c.Wait()
	says(t, "after SIGKILL", root, governor0, "performance", noTurbo, "1")
}

// TestKilled: the next start puts back what a killed run had set, and only
// that.
func TestKilled(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(t *testing.T, root, dir string)
		said   []string
		want   []string
	}{
		{"plain", func(*testing.T, string, string) {}, []string{"is put back"}, []string{governor0, "powersave", governor1, "powersave", noTurbo, "0"}},
		{"somebody set another governor", func(t *testing.T, root, _ string) { put(t, root, governor0, "userspace") }, []string{"is put back", "left alone"}, []string{governor0, "userspace", governor1, "powersave", noTurbo, "0"}},
		{"somebody put one back", func(t *testing.T, root, _ string) { put(t, root, noTurbo, "0") }, []string{"is put back"}, []string{governor0, "powersave", noTurbo, "0"}},
		{"the machine booted since", func(t *testing.T, root, _ string) { put(t, root, "proc/sys/kernel/random/boot_id", "two") }, nil, []string{governor0, "performance", noTurbo, "1"}},
	} {
		root, dir := unpack(t, "x86-intel-rapl"), t.TempDir()
		killed(t, root, dir)
		c.change(t, root, dir)
		said, err := Recover(root, dir)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if len(said) != len(c.said) {
			t.Errorf("%s: said %q, want %q", c.name, said, c.said)
		}
		for i := range min(len(said), len(c.said)) {
			one(t, c.name, said[i:i+1], c.said[i])
		}
		says(t, c.name, root, c.want...)
		if said, err := Recover(root, dir); err != nil || said != nil {
			t.Errorf("%s, once more: %q, %v", c.name, said, err)
		}
	}
	root, dir := unpack(t, "x86-intel-rapl"), t.TempDir()
	killed(t, root, dir)
	p, doubts := Prepare(root, dir) // a prepared run is a next start too
	if len(doubts) > 0 {
		t.Error(doubts)
	}
	says(t, "prepared again", root, governor0, "performance", noTurbo, "1")
	p.Restore()
	says(t, "the old values, not those of the killed run", root, governor0, "powersave", noTurbo, "0")
}

// TestJournal: root follows the journal, so that what no preparation writes is
// refused, and stays for a person to look at.
func TestJournal(t *testing.T) {
	for _, text := range []string{
		`{`, `[]`, `{"changes":[{"path":"etc/passwd","old":"x","new":"performance"}]}`,
		`{"changes":[{"path":"sys/devices/system/cpu/../../../../etc/passwd","old":"x","new":"y"}]}`,
		`{"changes":[{"path":"/sys/devices/system/cpu/x","old":"x","new":"y"}]}`,
		`{"changes":[{"path":"sys/devices/system/cpu/x","old":"a\nb","new":"y"}]}`,
	} {
		dir := t.TempDir()
		file := filepath.Join(dir, journalName)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if runtime.GOOS != "linux" {
			t.Skip("cpufreq is Linux's")
		}
		if _, err := Recover(t.TempDir(), dir); err == nil || !strings.Contains(err.Error(), "by hand") {
			t.Errorf("%s: %v", text, err)
		}
		if _, err := os.Stat(file); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func FuzzJournal(f *testing.F) {
	f.Add([]byte(`{"boot":"one","pid":7,"changes":[{"path":"sys/devices/system/cpu/cpu0/cpufreq/scaling_governor","old":"powersave","new":"performance"}]}`))
	f.Add([]byte(`{"changes":[{"path":"sys/devices/system/cpu/../x"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		j, err := parseJournal(b)
		if err != nil {
			return
		}
		for _, c := range j.Changes {
			if !strings.HasPrefix(filepath.ToSlash(filepath.Join("/", c.Path)), "/"+switchRoot) || strings.Contains(c.Old, "\n") {
				t.Errorf("%+v", c)
			}
		}
	})
}
