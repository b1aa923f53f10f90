package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"assay/bench/unit"
)

// Roles of the parts of a build.
const (
	RoleAssay = "assay"
	RoleORT   = "assay-ort"
	RoleLib   = "libonnxruntime"
	RoleFile  = "file" // a model
)

const (
	partsName = "parts" // of the folder beside the database
	partsMode = 0o755   // programs and libraries are started from where they lie
)

// A Part is a file that a run was measured with.
type Part struct {
	Role   string
	Path   string // where it is now
	SHA256 string // "" where the store has to find out
}

// KeepParts keeps the parts of a run by their sha256 in a folder beside the
// database, so that its build can be measured again, and then deletes the
// parts of runs that nobody compares with any more, the oldest first, until
// the folder holds no more than limit bytes. Those of each device's first and
// newest run, and of runs that were accepted, stay.
func (s *SQLite) KeepParts(ctx context.Context, run string, parts []Part, limit int64) error {
	for _, p := range parts {
		sha, size, err := s.keep(p)
		if err != nil {
			return s.wrap(fmt.Errorf("keep %s of run %s: %w", p.Role, run, err))
		}
		_, err = s.db.ExecContext(ctx, "INSERT INTO parts (run, role, sha256, size) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", run, p.Role, sha, size)
		if err != nil {
			return s.wrap(err)
		}
	}
	return s.prune(ctx, limit)
}

// Parts returns the parts of a run that are kept: where each lies.
func (s *SQLite) Parts(ctx context.Context, run string) ([]Part, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT role, sha256 FROM parts WHERE run = ? ORDER BY role, sha256", run)
	if err != nil {
		return nil, s.wrap(err)
	}
	defer rows.Close()
	var out []Part
	for rows.Next() {
		var p Part
		if err := rows.Scan(&p.Role, &p.SHA256); err != nil {
			return nil, s.wrap(err)
		}
		if p.Path, _ = s.part(p.SHA256); p.Path != "" {
			out = append(out, p)
		}
	}
	return out, s.wrap(rows.Err())
}

// folder is where the file of that hash lies, alone and under its own name:
// a system may start a program by its name's ending.
func (s *SQLite) folder(sha string) string {
	dir := filepath.Join(filepath.Dir(s.path), partsName, sha)
	if abs, err := filepath.Abs(dir); err == nil {
		return abs
	}
	return dir
}

// part returns the file of that hash and its size, "" where it is not kept.
func (s *SQLite) part(sha string) (path string, size int64) {
	entries, err := os.ReadDir(s.folder(sha))
	if err != nil {
		return "", 0
	}
	for _, e := range entries {
		if st, err := e.Info(); err == nil && st.Mode().IsRegular() {
			return filepath.Join(s.folder(sha), e.Name()), st.Size()
		}
	}
	return "", 0
}

// keep copies a file into the folder, unless it is there. It is written beside
// it first, so that a crash leaves no half of it.
func (s *SQLite) keep(p Part) (sha string, size int64, err error) {
	if sha = p.SHA256; sha == "" {
		if sha, err = hash(p.Path); err != nil {
			return "", 0, err
		}
	}
	if path, size := s.part(sha); path != "" {
		return sha, size, nil
	}
	to := s.folder(sha)
	if err := os.MkdirAll(to, 0o755); err != nil {
		return "", 0, err
	}
	from, err := os.Open(p.Path)
	if err != nil {
		return "", 0, err
	}
	defer from.Close()
	tmp, err := os.CreateTemp(filepath.Dir(to), "new-*")
	if err != nil {
		return "", 0, err
	}
	defer os.Remove(tmp.Name()) // it is gone where all went well
	h := sha256.New()
	size, err = io.Copy(io.MultiWriter(tmp, h), from)
	err = errors.Join(err, tmp.Chmod(partsMode), tmp.Sync(), tmp.Close())
	if got := hex.EncodeToString(h.Sum(nil)); err == nil && got != sha {
		err = fmt.Errorf("%s has changed since it was measured: sha256 %s, was %s", p.Path, got, sha)
	}
	if err != nil {
		return "", 0, err
	}
	return sha, size, os.Rename(tmp.Name(), filepath.Join(to, filepath.Base(p.Path)))
}

func hash(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// prune deletes what no protected run needs, by the newest run that has it.
func (s *SQLite) prune(ctx context.Context, limit int64) error {
	rows, err := s.db.QueryContext(ctx, `WITH kept AS (
			SELECT run FROM (SELECT run, row_number() OVER (PARTITION BY device ORDER BY received, run) AS a, row_number() OVER (PARTITION BY device ORDER BY received DESC, run DESC) AS z
				FROM runs WHERE run IN (SELECT run FROM parts)) WHERE a = 1 OR z = 1
			UNION SELECT run FROM acks UNION SELECT accepted FROM remeasured)
		SELECT sha256, max(size), max(parts.run IN (SELECT run FROM kept)) FROM parts JOIN runs USING (run) GROUP BY sha256 ORDER BY max(received) DESC`)
	if err != nil {
		return s.wrap(err)
	}
	defer rows.Close()
	var kept int64
	var free []Part // that may go, the newest first
	var sizes []int64
	for rows.Next() {
		var p Part
		var size int64
		var protected bool
		if err := rows.Scan(&p.SHA256, &size, &protected); err != nil {
			return s.wrap(err)
		}
		if protected {
			kept += size
		} else {
			free, sizes = append(free, p), append(sizes, size)
		}
	}
	if err := rows.Err(); err != nil {
		return s.wrap(err)
	}
	rows.Close() // the store has one connection
	room := limit - kept
	for i, p := range free {
		if room -= sizes[i]; room >= 0 {
			continue
		}
		if err := os.RemoveAll(s.folder(p.SHA256)); err != nil {
			return s.wrap(err)
		}
		if _, err := s.db.ExecContext(ctx, "DELETE FROM parts WHERE sha256 = ?", p.SHA256); err != nil {
			return s.wrap(err)
		}
	}
	if kept > limit {
		return fmt.Errorf("store %s: the accepted builds and the newest take %s, more than %s: acknowledge fewer levels, or allow more (--keep-limit)", s.path, unit.Format(float64(kept), "B"), unit.Format(float64(limit), "B"))
	}
	return nil
}
