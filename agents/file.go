package agents

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// WriteFile writes a file for its owner alone, on the disk and whole when it
// returns, or not at all.
func WriteFile(path string, b []byte) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".new-*") // mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer os.Remove(f.Name()) // nothing is there after the rename
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync() // the rename; a system that cannot sync a folder does it by itself
		d.Close()
	}
	return nil
}
