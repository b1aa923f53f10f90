package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"assay/reports"
	"assay/reports/internal/example"
)

func TestOpenRefuses(t *testing.T) {
	other := func(path string, stmts ...string) error {
		db, err := sql.Open("sqlite", path)
		if err != nil {
			return err
		}
		defer db.Close()
		for _, s := range stmts {
			if _, err := db.Exec(s); err != nil {
				return err
			}
		}
		return nil
	}
	for _, c := range []struct {
		name  string
		setup func(path string) error
		want  string
	}{
		{"not a database", func(p string) error { return os.WriteFile(p, bytes.Repeat([]byte("no database "), 400), 0o600) }, "damaged or not a database"},
		{"header cut", func(p string) error {
			if err := other(p, "CREATE TABLE t (x)"); err != nil {
				return err
			}
			return os.Truncate(p, 700)
		}, "damaged or not a database"},
		{"another program's", func(p string) error { return other(p, "CREATE TABLE t (x)") }, "database of another program"},
		{"a newer version's", func(p string) error {
			return other(p, fmt.Sprintf("PRAGMA application_id = %d", application), "PRAGMA user_version = 99")
		}, "its schema is version 99, this program knows 2: use a newer assay"},
		{"a folder", func(p string) error { return os.Mkdir(p, 0o755) }, "it cannot be written: is a directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "assay.db")
			if err := c.setup(path); err != nil {
				t.Fatal(err)
			}
			s, err := Open(path)
			if err == nil {
				s.Close()
				t.Fatal("it was opened")
			}
			if !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "store "+path+": ") || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %q, want one line with the path and %q", err, c.want)
			}
		})
	}
}

func TestPathWithOddCharacters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b?c#d%41&_pragma=x", "assay.db")
	s := openAt(t, path)
	put(t, s, example.Result())
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the file is elsewhere: %v", err)
	}
}

func TestDamagedPageIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "assay.db")
	s := openAt(t, path)
	put(t, s, example.Result())
	s.Close()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	junk := bytes.Repeat([]byte{0xa5}, 4096)
	for page := int64(1); page < 14; page++ { // every root page but the schema's
		if _, err := f.WriteAt(junk, page*4096); err != nil {
			t.Fatal(err)
		}
	}
	f.Close()
	s = openAt(t, path)
	if _, err := s.List(context.Background(), reports.Filter{}); !errors.Is(err, ErrDamaged) {
		t.Errorf("got %v, want ErrDamaged", err)
	}
}

// whole checks that the store holds the run id and nothing else, and can be
// written once there is room.
func whole(t *testing.T, s *SQLite, id string) {
	t.Helper()
	runs, err := s.List(context.Background(), reports.Filter{})
	if err != nil || len(runs) != 1 || runs[0].ID != id {
		t.Fatalf("the store holds %+v, %v, want run %s alone", runs, err, id)
	}
	if _, err := s.Get(context.Background(), id); err != nil {
		t.Errorf("the earlier run cannot be read: %v", err)
	}
}

// fill puts runs until the store is full and checks how that ends.
func fill(t *testing.T, s *SQLite) {
	t.Helper()
	for i := range 5000 {
		err := s.Put(context.Background(), numbered(fmt.Sprintf("more%d", i), 0))
		if err == nil {
			continue
		}
		if !errors.Is(err, ErrFull) || strings.Contains(err.Error(), "\n") {
			t.Errorf("got %v, want one line that says ErrFull", err)
		}
		runs, err := s.List(context.Background(), reports.Filter{})
		if err != nil || len(runs) != i+1 {
			t.Errorf("%d runs are listed after %d were kept: %v", len(runs), i+1, err)
		}
		for _, r := range []string{"first", fmt.Sprintf("more%d", i-1)} {
			if _, err := s.Get(context.Background(), r); err != nil && i > 0 {
				t.Errorf("run %s cannot be read: %v", r, err)
			}
		}
		return
	}
	t.Error("the store was never full")
}

func TestFullByPageCount(t *testing.T) {
	s := open(t)
	put(t, s, numbered("first", 0))
	var pages int
	if err := s.db.QueryRow("PRAGMA page_count").Scan(&pages); err != nil {
		t.Fatal(err)
	}
	if _, err := s.db.Exec(fmt.Sprintf("PRAGMA max_page_count = %d", pages+10)); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(context.Background(), numbered("second", 0)); !errors.Is(err, ErrFull) {
		t.Errorf("got %v, want ErrFull", err)
	}
	whole(t, s, "first")
	if _, err := s.db.Exec(fmt.Sprintf("PRAGMA max_page_count = %d", pages+100_000)); err != nil {
		t.Fatal(err)
	}
	put(t, s, numbered("second", 0))
}

func TestFullDisk(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("a small file system is mounted on Linux only")
	}
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=2m", "assay-test", dir).CombinedOutput(); err != nil {
		t.Skipf("no file system can be mounted here: %v: %s", err, bytes.TrimSpace(out))
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount %s: %v: %s", dir, err, out)
		}
	})
	s, err := Open(filepath.Join(dir, "assay.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Check(context.Background()); !errors.Is(err, ErrFull) {
		t.Errorf("a disk of 2 MB passed the check: %v", err)
	}
	put(t, s, numbered("first", 0))
	fill(t, s)
}

func TestCheckLooksAtFreeSpace(t *testing.T) {
	s := open(t)
	if err := s.Check(context.Background()); err != nil {
		t.Error(err)
	}
	s.free = func(string) (uint64, error) { return 3 << 20, nil }
	if err := s.Check(context.Background()); !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "3 MB are free, 64 MB are wanted") {
		t.Errorf("got %v", err)
	}
	s.free = func(string) (uint64, error) { return 0, errors.ErrUnsupported }
	if err := s.Check(context.Background()); err != nil {
		t.Errorf("a system that does not tell is no reason to refuse: %v", err)
	}
}

const writersEach = 8

// TestWriterProcess is the body of a second process, not a test of its own.
func TestWriterProcess(t *testing.T) {
	path := os.Getenv("ASSAY_TEST_WRITER")
	if path == "" {
		t.Skip("runs only as a child of TestTwoProcesses")
	}
	s := openAt(t, path)
	for i := range writersEach {
		put(t, s, numbered(fmt.Sprintf("%s-%d", os.Getenv("ASSAY_TEST_NAME"), i), i))
	}
}

func TestTwoProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "assay.db")
	var wg sync.WaitGroup
	for _, name := range []string{"one", "two"} { // neither finds a store: both make it
		wg.Go(func() {
			cmd := exec.Command(os.Args[0], "-test.run=^TestWriterProcess$", "-test.count=1")
			cmd.Env = append(os.Environ(), "ASSAY_TEST_WRITER="+path, "ASSAY_TEST_NAME="+name)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("writer %s: %v\n%s", name, err, out)
			}
		})
	}
	wg.Wait()
	s := openAt(t, path)
	runs, err := s.List(context.Background(), reports.Filter{})
	if err != nil || len(runs) != 2*writersEach {
		t.Fatalf("%d runs are listed, want %d: %v", len(runs), 2*writersEach, err)
	}
	for _, r := range runs {
		if _, err := s.Get(context.Background(), r.ID); err != nil {
			t.Error(err)
		}
	}
	var ok string
	if err := s.db.QueryRow("PRAGMA integrity_check").Scan(&ok); err != nil || ok != "ok" {
		t.Errorf("integrity check: %s, %v", ok, err)
	}
}
