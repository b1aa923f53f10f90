package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"assay/agents"
	"assay/models"
)

// A cache keeps the files of jobs by sha256, at most limit bytes of them; the
// one that was not used for longest goes first. What is asked for is checked
// every time: a card of flash memory may lose bits.
type cache struct {
	dir   string
	limit int64

	// part asks the hub for a part of a file; it is empty at the end.
	part func(ctx context.Context, q agents.FileQuery) ([]byte, error)
}

func newCache(dir string, limit int64) (*cache, error) {
	return &cache{dir: dir, limit: limit}, os.MkdirAll(dir, 0o700)
}

const partSuffix = ".part"

// fetch makes sure that the files of a job are there.
func (c *cache) fetch(ctx context.Context, files []agents.ModelFile) error {
	keep := map[string]bool{}
	var need, total int64
	for _, f := range files {
		if err := f.Check(); err != nil {
			return err
		}
		total += f.Size
		keep[f.Name()] = true
		keep[f.Name()+partSuffix] = true
		if _, err := os.Stat(filepath.Join(c.dir, f.Name())); err != nil {
			need += f.Size
		}
	}
	if total > c.limit {
		return fmt.Errorf("model files of the job take %d bytes, the cache holds %d", total, c.limit)
	}
	if err := c.evict(c.limit-need, keep); err != nil {
		return err
	}
	for _, f := range files {
		if err := c.one(ctx, f); err != nil {
			return fmt.Errorf("model file %.12s…: %w", f.SHA256, err)
		}
	}
	return nil
}

func (c *cache) one(ctx context.Context, f agents.ModelFile) error {
	path := filepath.Join(c.dir, f.Name())
	if sum, _, err := models.SumFile(path); err == nil && sum == f.SHA256 {
		now := time.Now()
		return os.Chtimes(path, now, now)
	}
	part := path + partSuffix
	if err := c.download(ctx, f, part); err != nil {
		return err
	}
	sum, _, err := models.SumFile(part)
	if err != nil {
		return err
	}
	if sum != f.SHA256 {
		return errors.Join(fmt.Errorf("what the hub sent has sha256 %.12s…", sum), os.Remove(part))
	}
	return os.Rename(part, path)
}

// download appends to what an earlier attempt has left.
func (c *cache) download(ctx context.Context, f agents.ModelFile, part string) error {
	w, err := os.OpenFile(part, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer w.Close()
	st, err := w.Stat()
	if err != nil {
		return err
	}
	at := st.Size()
	for at < f.Size {
		b, err := c.part(ctx, agents.FileQuery{SHA256: f.SHA256, Offset: at})
		if err != nil {
			return err
		}
		if len(b) == 0 {
			break // shorter than the job says: the sum tells
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
		at += int64(len(b))
	}
	return errors.Join(w.Sync(), w.Close())
}

// evict removes files, those not used for longest first, until the rest fits.
func (c *cache) evict(limit int64, keep map[string]bool) error {
	all, err := os.ReadDir(c.dir)
	if err != nil {
		return err
	}
	var infos []fs.FileInfo
	var total int64
	for _, e := range all {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			infos = append(infos, info)
			total += info.Size()
		}
	}
	slices.SortFunc(infos, func(a, b fs.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	for _, info := range infos {
		if total <= limit {
			break
		}
		if keep[info.Name()] {
			continue
		}
		if err := os.Remove(filepath.Join(c.dir, info.Name())); err != nil {
			return err
		}
		total -= info.Size()
	}
	return nil
}
