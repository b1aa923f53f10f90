package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"assay/bench"
	"assay/reports"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Repair mends what Examine calls bad and can be mended, after it has copied
// the file, and returns where the copy is and what it did. Nothing may use
// the store meanwhile.
func Repair(ctx context.Context, path string) (backup string, done []string, err error) {
	if err := unused(ctx, path); err != nil {
		return "", nil, fmt.Errorf("repair %s: %w", path, err)
	}
	if backup, err = copyStore(path, time.Now()); err != nil {
		return "", nil, fmt.Errorf("repair %s: copy it first: %w", path, err)
	}
	whole, err := mendable(ctx, path)
	if err != nil {
		return "", nil, errors.Join(fmt.Errorf("repair %s: %w", path, err), remove(backup, backup+"-wal"))
	}
	if !whole {
		if done, err = salvage(ctx, path); err != nil {
			return backup, done, fmt.Errorf("repair %s: %w", path, err)
		}
	}
	s, err := Open(path)
	if err != nil {
		return backup, done, err
	}
	defer s.Close()
	more, err := s.mend(ctx)
	return backup, append(done, more...), err
}

// unused checks that there is a file and that no process has it open. It
// changes nothing in a damaged one.
func unused(ctx context.Context, path string) error {
	if st, err := os.Stat(path); err != nil {
		return err
	} else if !st.Mode().IsRegular() {
		return errors.New("it is no file")
	}
	db, err := openAlone(ctx, path)
	if errors.Is(err, errInUse) {
		return err
	}
	if err == nil {
		db.Close()
	}
	return nil // whatever else is wrong with it is to be mended
}

// mendable checks that the file is ours; whole says that SQLite finds no
// damage in it.
func mendable(ctx context.Context, path string) (whole bool, err error) {
	db, err := openAlone(ctx, path, cut)
	if err != nil {
		return false, err
	}
	defer db.Close()
	var version, app int
	if err := db.QueryRowContext(ctx, "SELECT user_version, application_id FROM pragma_user_version, pragma_application_id").Scan(&version, &app); err != nil {
		return false, fmt.Errorf("its first page is damaged: bring back a copy, or move it away and start anew: %w", err)
	}
	if app != application {
		return false, errOther
	}
	if version > len(migrations) {
		return false, fmt.Errorf("its schema is version %d, this program knows %d: use a newer assay", version, len(migrations))
	}
	bad, err := column1(ctx, db, "PRAGMA integrity_check(1)")
	var tables int
	if err == nil {
		err = db.QueryRowContext(ctx, tablesThere).Scan(&tables)
	}
	return err == nil && len(bad) == 1 && bad[0] == "ok" && tables == tablesOf(version), nil
}

var errInUse = errors.New("another process has it open: end it first (assay run, assay agent, a timer)")

// openAlone opens a database and holds every other process off.
func openAlone(ctx context.Context, path string, pragmas ...string) (*sql.DB, error) {
	db, err := openRaw(path, "rw", pragmas...)
	if err != nil {
		return nil, err
	}
	// In this mode the first transaction locks the file until it is closed; it
	// fails while any other process has the file open.
	if _, err = db.ExecContext(ctx, "PRAGMA busy_timeout = 1000; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT"); err == nil {
		return db, nil
	}
	db.Close()
	var e *sqlite.Error
	if errors.As(err, &e) && e.Code()&0xff == sqlite3.SQLITE_BUSY {
		return nil, errInUse
	}
	return nil, err
}

// copyStore copies the file, and the log beside it that a crash leaves.
func copyStore(path string, now time.Time) (string, error) {
	backup := path + "." + now.UTC().Format("20060102T150405.000000000") + ".bak"
	for _, end := range []string{"", "-wal"} {
		if err := copyFile(path+end, backup+end); err != nil && (end == "" || !errors.Is(err, os.ErrNotExist)) {
			return "", err
		}
	}
	return backup, nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}

// mend repairs the rows of a file that is whole.
func (s *SQLite) mend(ctx context.Context) (done []string, err error) {
	say := func(n int64, format string, a ...any) {
		if n > 0 {
			done = append(done, fmt.Sprintf(format, a...))
		}
	}
	n, err := s.orphans(ctx)
	if err != nil {
		return done, err
	}
	say(n, "%d rows of runs that are not there removed", n)
	res, err := s.db.ExecContext(ctx, badFacts)
	if err == nil {
		n, err = res.RowsAffected()
	}
	if err != nil {
		return done, s.wrap(err)
	}
	say(n, "the facts of %s found again in the run", runsText(int(n)))
	if n, err = s.future(ctx); err != nil {
		return done, err
	}
	say(n, "the time of arrival of %s set to now", runsText(int(n)))
	ids, err := s.strings(ctx, "SELECT run FROM runs ORDER BY rowid")
	if err != nil {
		return done, err
	}
	var remade, lost, rewritten []string
	for _, id := range ids {
		r, err := s.Get(ctx, id)
		if ctx.Err() != nil {
			return done, ctx.Err()
		}
		if err != nil {
			made, err := s.remake(ctx, id)
			if err != nil {
				return done, fmt.Errorf("run %s: %w", id, err)
			}
			if made {
				remade = append(remade, id)
			} else {
				lost = append(lost, id)
			}
			continue
		}
		rows := reports.Rows(r)
		if same, err := s.hasRows(ctx, id, rows); err != nil {
			return done, s.wrap(err)
		} else if !same {
			rewritten = append(rewritten, id)
			if err := s.rewrite(ctx, r, rows); err != nil {
				return done, fmt.Errorf("run %s: %w", id, err)
			}
		}
	}
	say(int64(len(remade)), "%s could not be read; what is left of the numbers is kept: %s", runsText(len(remade)), few(remade))
	say(int64(len(lost)), "%s could not be read, nor the numbers, and removed: %s", runsText(len(lost)), few(lost))
	say(int64(len(rewritten)), "the rows of %s made again from the run itself: %s", runsText(len(rewritten)), few(rewritten))
	return done, nil
}

// badFacts removes facts that cannot be read: they are made again of their run
// when they are asked for.
const badFacts = "DELETE FROM facts WHERE NOT json_valid(facts)"

// orphans removes what belongs to runs that are not there.
func (s *SQLite) orphans(ctx context.Context) (n int64, err error) {
	err = s.tx(ctx, func(tx *sql.Tx) error {
		for _, table := range []string{"points", "samples", "facts", "parts"} {
			res, err := tx.ExecContext(ctx, "DELETE FROM "+table+" WHERE run NOT IN (SELECT run FROM runs)")
			if err != nil {
				return err
			}
			k, err := res.RowsAffected()
			if err != nil {
				return err
			}
			n += k
		}
		return nil
	})
	return n, err
}

// future brings times of arrival that are still to come to now, in their
// order.
func (s *SQLite) future(ctx context.Context) (n int64, err error) {
	now := s.now()
	err = s.tx(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `WITH late AS (SELECT run, row_number() OVER (ORDER BY received, rowid) AS i FROM runs WHERE received > ?1)
			UPDATE runs SET received = ?2 + late.i FROM late WHERE late.run = runs.run`, reports.Nanos(now.Add(slack)), reports.Nanos(now))
		if err != nil {
			return err
		}
		n, err = res.RowsAffected()
		return err
	})
	return n, err
}

// rewrite makes the summaries of a run anew.
func (s *SQLite) rewrite(ctx context.Context, r *bench.Result, rows []reports.Row) error {
	var sums *summaries
	err := s.tx(ctx, func(tx *sql.Tx) (err error) {
		if _, err = tx.ExecContext(ctx, "DELETE FROM points WHERE run = ?", r.Run); err != nil {
			return err
		}
		if sums, err = s.series.open(ctx, tx); err != nil {
			return err
		}
		info := reports.Summary(r)
		return sums.put(ctx, &info, rows)
	})
	if err == nil {
		sums.keep()
	}
	return err
}
