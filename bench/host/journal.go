package host

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A journal says what a preparation changes. It is on the disk before the
// first change, and gone when the last is put back.
type journal struct {
	Boot    string   `json:"boot"` // kernel's boot id: a boot sets everything back by itself
	PID     int      `json:"pid"`
	Changes []change `json:"changes"`
}

const (
	journalName = "prepare.json"
	switchRoot  = "sys/devices/system/cpu/" // everything that a preparation changes is below
)

// machineState is where root keeps journal and lock.
const machineState = "/var/lib/assay"

// StateDir is where journal and lock of preparations are: one place per
// machine for root, one per user for those who may write the switches without
// being root.
func StateDir() string {
	if os.Geteuid() == 0 {
		return machineState
	}
	if d := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(d) {
		return filepath.Join(d, "assay")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return filepath.Join(os.TempDir(), "assay-state")
	}
	return filepath.Join(home, ".local", "state", "assay")
}

// RecoverHere is Recover for the running system, of what root's runs left and
// of what those of this user did.
func RecoverHere() (said []string, err error) {
	var errs []error
	for _, dir := range stateDirs() {
		more, err := Recover("/", dir)
		said, errs = append(said, more...), append(errs, err)
	}
	return said, errors.Join(errs...)
}

// LeftHere is an item of the checklist for what killed runs left, none where
// they left nothing.
func LeftHere() []Item {
	var out []Item
	for _, dir := range stateDirs() {
		if what := Left(dir); what != "" {
			out = append(out, Item{"preparation", Bad, "a run that was killed left this device prepared: " + what, "the next run puts it back: start one as root"})
		}
	}
	return out
}

func stateDirs() []string {
	if own := StateDir(); own != machineState {
		return []string{machineState, own}
	}
	return []string{machineState}
}

// ErrHeld means that another process has prepared this device and still runs.
var ErrHeld = errors.New("another run has prepared this device and still holds it")

// Recover puts back what a run that was killed left changed; put says what,
// and what was left alone since somebody else has changed it meanwhile. Where
// nothing was left, or the run that prepared the device still runs, it does
// nothing. It is called at the start of every run.
func Recover(root, dir string) (said []string, err error) {
	if _, err := os.Stat(filepath.Join(dir, journalName)); err != nil {
		return nil, nil
	}
	lock, err := lockDir(dir)
	switch {
	case errors.Is(err, ErrHeld):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("a run that was killed left this device prepared: %w%s", err, asRoot(err))
	}
	defer lock.Close()
	n, said, err := recoverLocked(root, dir)
	if err != nil {
		return said, fmt.Errorf("a run that was killed left this device prepared: %w", err)
	}
	if n > 0 {
		said = append([]string{"a run that was killed had left this device prepared: what it had set is put back"}, said...)
	}
	return said, nil
}

// Left says what a run that was killed left changed, "" where nothing was left
// or the run that prepared the device still runs.
func Left(dir string) string {
	j, err := readJournal(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	lock, lockErr := lockDir(dir)
	if errors.Is(lockErr, ErrHeld) {
		return ""
	}
	if lockErr == nil {
		lock.Close()
	}
	if err != nil {
		return err.Error()
	}
	var parts []string
	for _, c := range j.Changes {
		parts = append(parts, fmt.Sprintf("/%s: %s, was %s", c.Path, c.New, c.Old))
	}
	return strings.Join(parts, "; ")
}

// recoverLocked is Recover for who holds the lock; n is how much it put back.
func recoverLocked(root, dir string) (n int, said []string, err error) {
	j, err := readJournal(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil, nil
	}
	if err != nil {
		return 0, nil, err
	}
	var failed []change
	var errs []error
	if boot := bootID(root); j.Boot == boot || j.Boot == "" || boot == "" {
		for i := len(j.Changes) - 1; i >= 0; i-- {
			c := j.Changes[i]
			switch now := text(os.DirFS(root), c.Path); now {
			case c.Old:
			case c.New:
				if err := setFile(root, c.Path, c.Old); err != nil {
					failed, errs = append(failed, c), append(errs, fmt.Errorf("put back: %w%s", err, asRoot(err)))
				} else {
					n++
				}
			default:
				said = append(said, fmt.Sprintf("/%s is %q, which is not what assay had set (%q): left alone", c.Path, now, c.New))
			}
		}
	}
	if len(failed) == len(j.Changes) && len(failed) > 0 {
		return n, said, errors.Join(errs...) // it says so already
	}
	if len(failed) > 0 {
		slices.Reverse(failed)
		j.Changes = failed
		return n, said, errors.Join(append(errs, writeJournal(dir, j))...)
	}
	return n, said, removeJournal(dir)
}

func readJournal(dir string) (journal, error) {
	path := filepath.Join(dir, journalName)
	b, err := os.ReadFile(path)
	if err != nil {
		return journal{}, err
	}
	j, err := parseJournal(b)
	if err != nil {
		return j, fmt.Errorf("%s: %w: see what it says, put it back by hand and remove the file", path, err)
	}
	return j, nil
}

// parseJournal refuses what no preparation writes: root follows it.
func parseJournal(b []byte) (journal, error) {
	var j journal
	if err := json.Unmarshal(b, &j); err != nil {
		return journal{}, err
	}
	for _, c := range j.Changes {
		switch {
		case !filepath.IsLocal(c.Path) || filepath.ToSlash(filepath.Clean(c.Path)) != c.Path || !strings.HasPrefix(c.Path, switchRoot):
			return journal{}, fmt.Errorf("%q is not below /%s", c.Path, switchRoot)
		case len(c.Old) > 64 || strings.ContainsFunc(c.Old, func(r rune) bool { return r < ' ' }):
			return journal{}, fmt.Errorf("%q is no value of %s", c.Old, c.Path)
		}
	}
	return j, nil
}

// writeJournal replaces the journal and returns when it is on the disk.
func writeJournal(dir string, j journal) error {
	b, err := json.MarshalIndent(j, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(dir, journalName)
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	_, err = f.Write(append(b, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err == nil {
		err = syncDir(dir)
	}
	if err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	return nil
}

func removeJournal(dir string) error {
	if err := os.Remove(filepath.Join(dir, journalName)); err != nil {
		return fmt.Errorf("remove the journal: %w", err)
	}
	return syncDir(dir)
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// bootID changes with every boot, "" if unknown.
func bootID(root string) string { return text(os.DirFS(root), "proc/sys/kernel/random/boot_id") }
