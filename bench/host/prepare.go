package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A Preparation is a device whose clock is held for a run: governor
// performance, boost off. What it changes is in a journal before it is
// changed, so that the next start puts it back if this process is killed.
type Preparation struct {
	root, dir string
	lock      *os.File // nil where nothing was prepared
	done      []change
}

// A change is one file of the system that gets another value for a run.
type change struct {
	Path string `json:"path"` // below the root, without leading slash
	Old  string `json:"old"`
	New  string `json:"new"`
}

// Prepare holds the clock of the system under root (a directory, "/" for the
// running one); dir is where its journal and its lock are. It never fails:
// doubts say what could not be done and why, and the run goes on.
func Prepare(root, dir string) (p *Preparation, doubts []string) {
	p = &Preparation{root: root, dir: dir}
	doubt := func(format string, a ...any) { doubts = append(doubts, "--prepare: "+fmt.Sprintf(format, a...)) }
	wanted := switches(os.DirFS(root))
	if len(wanted) == 0 {
		doubt("there is no cpufreq here (usual in virtual machines): the clock stays as it is")
		return p, doubts
	}
	for _, c := range wanted {
		if err := writable(filepath.Join(root, c.Path)); err != nil {
			doubt("the clock stays as it is: %v%s", err, asRoot(err))
			return p, doubts
		}
	}
	lock, err := lockDir(dir)
	if errors.Is(err, ErrHeld) {
		doubt("%v: its settings hold for this run too, until it ends", err)
		return p, doubts
	}
	if err != nil {
		doubt("the clock stays as it is: %v", err)
		return p, doubts
	}
	p.lock = lock
	if _, _, err := recoverLocked(root, dir); err != nil {
		doubt("%v", err)
	}
	wanted = differing(switches(os.DirFS(root)))
	if len(wanted) == 0 {
		return p, doubts // all is as it should be
	}
	if err := writeJournal(dir, journal{Boot: bootID(root), PID: os.Getpid(), Changes: wanted}); err != nil {
		doubt("the clock stays as it is: %v", err)
		return p, doubts
	}
	for _, c := range wanted {
		if err := setFile(root, c.Path, c.New); err != nil {
			doubt("%v", err)
			continue
		}
		p.done = append(p.done, c)
	}
	return p, doubts
}

// switches lists what a prepared clock needs, with its present values.
func switches(root fs.FS) []change {
	const cpu = "sys/devices/system/cpu/"
	policies := Glob(root, cpu+"cpufreq/policy*/scaling_governor")
	if len(policies) == 0 {
		policies = Glob(root, cpu+"cpu[0-9]*/cpufreq/scaling_governor")
	}
	var out []change
	for _, p := range policies {
		out = append(out, change{p, text(root, p), "performance"})
	}
	// Linux, Documentation/admin-guide/pm/intel_pstate.rst and cpufreq.rst
	for _, c := range []change{{cpu + "intel_pstate/no_turbo", "", "1"}, {cpu + "cpufreq/boost", "", "0"}} {
		if c.Old = text(root, c.Path); c.Old != "" {
			out = append(out, c)
			break // where both are, they are one switch
		}
	}
	return out
}

func differing(all []change) []change {
	var out []change
	for _, c := range all {
		if c.Old != c.New && c.Old != "" {
			out = append(out, c)
		}
	}
	return out
}

// writable reports why a file cannot be written, without writing.
func writable(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return f.Close()
}

func asRoot(err error) string {
	if errors.Is(err, fs.ErrPermission) {
		return " (run as root: sudo assay run --prepare …)"
	}
	return ""
}

// setFile gives a file of the system another value, and sees that it took it.
func setFile(root, path, value string) error {
	file := filepath.Join(root, path)
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value + "\n")
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	if got := text(os.DirFS(root), path); got != value {
		return fmt.Errorf("%s: wrote %q, and it says %q", file, value, got)
	}
	return nil
}

// Did says what was set, "" if nothing was.
func (p *Preparation) Did() string {
	governor, boost := 0, ""
	for _, c := range p.done {
		if strings.HasSuffix(c.Path, "scaling_governor") {
			governor++
		} else {
			boost = "boost off"
		}
	}
	var parts []string
	if governor > 0 {
		parts = append(parts, "governor performance")
	}
	if boost != "" {
		parts = append(parts, boost)
	}
	return strings.Join(parts, ", ")
}

// Restore puts everything back and ends the preparation. It says what it left
// alone, because somebody else has changed it since, and what failed: that
// stays in the journal for the next start.
func (p *Preparation) Restore() (said []string) {
	if p.lock == nil {
		return nil
	}
	defer p.lock.Close() // which unlocks
	defer func() { p.lock = nil }()
	_, said, err := recoverLocked(p.root, p.dir)
	if err != nil {
		said = append(said, err.Error())
	}
	return said
}
