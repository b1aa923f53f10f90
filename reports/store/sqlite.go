// Package store remembers results in one SQLite file: a summary row per run,
// case and metric, a blob of samples per run and case, and the whole result,
// so that a run can be printed again exactly as it was (docs/design.md,
// "Keeping and finding"). Several processes may use one file at a time.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"assay/reports/store/outbox"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Errors that a caller may want to tell apart.
var (
	ErrNotFound = errors.New("no such run")
	ErrFull     = errors.New("the disk is full")
	ErrDamaged  = errors.New("the file is damaged or not a database")
)

var errOther = errors.New("the file is a database of another program: choose another store (ASSAY_STORE)")

// leastFree is how much room a disk must have before a run is begun: many
// times the largest result seen, so that the night's last run fits too.
const leastFree = 64 << 20 // B

// busy is how long a writer waits for another process's transaction.
const busy = 20 * time.Second

// SQLite is a store in one file. It is safe for concurrent use.
type SQLite struct {
	db   *sql.DB
	path string
	now  func() time.Time
	free func(dir string) (uint64, error)
	out  *outbox.Outbox

	series  index
	forward Forward // nil: runs are kept and not queued
}

// Path is where the store is by default: ASSAY_STORE, or assay/assay.db in
// the user's folder for data.
func Path() (string, error) {
	if p := os.Getenv("ASSAY_STORE"); p != "" {
		return p, nil
	}
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "assay", "assay.db"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find the store: %w (set ASSAY_STORE)", err)
	}
	switch dir := os.Getenv("LocalAppData"); {
	case runtime.GOOS == "windows" && dir != "":
		return filepath.Join(dir, "assay", "assay.db"), nil
	case runtime.GOOS == "darwin":
		return filepath.Join(home, "Library", "Application Support", "assay", "assay.db"), nil
	}
	return filepath.Join(home, ".local", "share", "assay", "assay.db"), nil
}

// Open opens the store at path, made if it is missing, and brings its schema
// up to date. It fails if the file cannot be written, is damaged, belongs to
// another program, or was made by a newer assay.
func Open(path string) (*SQLite, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", path, err)
	}
	if err := os.MkdirAll(filepath.Dir(abs), 0o755); err != nil {
		return nil, fmt.Errorf("store %s: %w", path, err)
	}
	if err := touch(abs); err != nil {
		return nil, fmt.Errorf("store %s: %w", path, err)
	}
	db, err := sql.Open("sqlite", dsn(abs))
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", path, err)
	}
	db.SetMaxOpenConns(1) // one writer at a time needs no waiting for itself
	s := &SQLite{db: db, path: path, now: time.Now, free: free}
	s.out = outbox.New(db, abs+"-measuring", s.wrap)
	ctx, cancel := context.WithTimeout(context.Background(), 2*busy)
	defer cancel()
	if err := migrate(ctx, db); err != nil {
		db.Close()
		return nil, s.wrap(err)
	}
	return s, nil
}

// touch opens the file for writing as the system sees it: its error names the
// cause (permission, read-only file system, a folder) better than SQLite's.
func touch(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		var pe *os.PathError
		if errors.As(err, &pe) {
			return fmt.Errorf("it cannot be written: %w", pe.Err)
		}
		return err
	}
	return f.Close()
}

// dsn asks for a write-ahead log, a disk flush per commit, patience with
// other processes, and transactions that lock when they begin.
func dsn(abs string) string {
	p := filepath.ToSlash(abs)
	if !strings.HasPrefix(p, "/") {
		p = "/" + p // a Windows drive
	}
	q := url.Values{"_txlock": {"immediate"}, "_pragma": {
		fmt.Sprintf("busy_timeout(%d)", busy.Milliseconds()), "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)",
	}}
	return "file:" + (&url.URL{Path: p}).EscapedPath() + "?" + q.Encode()
}

// Close ends the use of the store.
func (s *SQLite) Close() error { return s.wrap(s.db.Close()) }

// Where returns the path that the store was opened with.
func (s *SQLite) Where() string { return s.path }

// Check writes for real and looks at the room on the disk, so that a run
// which cannot be kept is not begun.
func (s *SQLite) Check(ctx context.Context) error {
	n, err := s.free(filepath.Dir(s.path))
	switch {
	case errors.Is(err, errors.ErrUnsupported): // this system does not tell: the write below has to do
	case err != nil:
		return s.wrap(err)
	case n < leastFree:
		return fmt.Errorf("store %s: %w: %d MB are free, %d MB are wanted", s.path, ErrFull, n>>20, leastFree>>20)
	}
	_, err = s.db.ExecContext(ctx, "INSERT INTO probe (id, at) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET at = excluded.at", s.now().UnixNano())
	return s.wrap(err)
}

// wrap gives an error of SQLite the store's path and, where there is one, the
// remedy, in one line.
func (s *SQLite) wrap(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	var e *sqlite.Error
	if errors.As(err, &e) {
		switch e.Code() & 0xff {
		case sqlite3.SQLITE_FULL:
			err = fmt.Errorf("%w: nothing of this run was kept, earlier runs are whole", ErrFull)
		case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
			err = fmt.Errorf("%w: move it away or bring back a copy (%s)", ErrDamaged, e.Error())
		case sqlite3.SQLITE_BUSY:
			err = fmt.Errorf("another process has held it for %v: try again", busy)
		case sqlite3.SQLITE_READONLY:
			err = fmt.Errorf("it cannot be written: %w", err)
		}
	}
	return fmt.Errorf("store %s: %w", s.path, err)
}
