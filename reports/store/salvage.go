package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// salvage copies every row that can be read out of a damaged file into a new
// one, which takes its place. It says what it kept and what it could not.
func salvage(ctx context.Context, path string) (done []string, err error) {
	old, err := openAlone(ctx, path, cut)
	if err != nil {
		return nil, err
	}
	defer old.Close()
	anew := path + ".repair"
	if err := remove(anew, anew+"-wal", anew+"-shm", anew+"-measuring"); err != nil {
		return nil, err
	}
	defer remove(anew, anew+"-wal", anew+"-shm", anew+"-measuring")
	s, err := Open(anew)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	tables, err := s.strings(ctx, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name NOT IN ('runs', 'series'), name")
	if err != nil {
		return nil, err
	}
	if held, err := column1(ctx, old, "SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'summaries'"); err == nil && len(held) > 0 {
		// An older schema: its rows go in through the view of that name.
		tables = append(slices.DeleteFunc(tables, func(t string) bool { return t == "series" || t == "points" }), held...)
	}
	for _, t := range tables { // runs and series first: other rows refer to them
		text, err := s.take(ctx, old, t)
		if err != nil {
			return done, err
		}
		if text != "" {
			done = append(done, text)
		}
	}
	if err := errors.Join(s.Close(), old.Close()); err != nil {
		return done, err
	}
	// A log of the old file would be played into the new one.
	if err := remove(path+"-wal", path+"-shm"); err != nil {
		return done, err
	}
	return done, os.Rename(anew, path)
}

func remove(paths ...string) error {
	for _, p := range paths {
		if err := os.Remove(p); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// take copies a table's rows as far as they can be read: from its start, from
// its end, and between them one by one.
func (s *SQLite) take(ctx context.Context, old *sql.DB, table string) (string, error) {
	cols, rowid, err := s.shared(ctx, old, table)
	if err != nil {
		return fmt.Sprintf("%s: nothing could be read: %v", table, err), ctx.Err()
	}
	switch {
	case len(cols) == 0 && table == "runs":
		return "", errors.New("the list of its tables is damaged, so that nothing can be found in it: bring back a copy, or move it away and start anew")
	case len(cols) == 0: // an older schema did not have it, or that list is damaged
		return table + ": not found", nil
	}
	t := taking{s: s, old: old, table: table, cols: cols, rowid: rowid, lost: map[string]bool{}}
	stopped, err := t.scan(ctx, "")
	if err == nil && stopped != nil {
		if _, err = t.scan(ctx, " DESC"); err == nil && rowid {
			err = t.gap(ctx)
		}
	}
	if err != nil {
		return "", err
	}
	text := fmt.Sprintf("%s: %d rows kept", table, t.kept)
	if stopped != nil {
		text += fmt.Sprintf("; others could not be read (%v)", stopped)
	}
	if n := len(t.lost); n > 0 {
		ids := make([]string, 0, n)
		for id := range t.lost {
			ids = append(ids, id)
		}
		slices.Sort(ids)
		text += fmt.Sprintf("; rows of %s that are lost or damaged left out: %s", runsText(n), few(ids))
	}
	return text, nil
}

// shared are the columns that both files have of a table, and whether its
// rows are numbered.
func (s *SQLite) shared(ctx context.Context, old *sql.DB, table string) (cols []string, rowid bool, err error) {
	have, err := column1(ctx, old, "SELECT name FROM pragma_table_info(?)", table)
	if err != nil {
		return nil, false, err
	}
	want, err := s.strings(ctx, "SELECT name FROM pragma_table_info(?)", table)
	if err != nil {
		return nil, false, err
	}
	for _, c := range want {
		if slices.Contains(have, c) {
			cols = append(cols, c)
		}
	}
	n, err := column1(ctx, old, "SELECT wr FROM pragma_table_list WHERE name = ?", table)
	return cols, len(n) == 1 && n[0] == "0", err
}

// A taking is the copying of one table.
type taking struct {
	s           *SQLite
	old         *sql.DB
	table       string
	cols        []string
	rowid       bool
	kept        int
	first, last int64           // where the scans from both ends stopped
	lost        map[string]bool // runs of rows that the new file refused
}

// mostProbed bounds the search for single rows between two damaged pages.
const mostProbed = 1_000_000

// scan copies rows in order until one cannot be read, and returns why it
// stopped there; nil at the end of the table. An error of the new file is one
// of its own.
func (t *taking) scan(ctx context.Context, desc string) (stopped, err error) {
	key, from := "1", "SELECT "+strings.Join(t.cols, ", ")
	if t.rowid {
		key, from = "rowid"+desc, "SELECT rowid, "+strings.Join(t.cols, ", ")
	} else if desc != "" {
		return nil, nil
	}
	rows, err := t.old.QueryContext(ctx, from+" FROM "+t.table+" NOT INDEXED ORDER BY "+key)
	if err != nil {
		return err, ctx.Err()
	}
	defer rows.Close()
	err = t.s.tx(ctx, func(tx *sql.Tx) error {
		for rows.Next() {
			id, cells, err := t.read(rows)
			if err != nil {
				stopped = err
				return nil
			}
			if desc != "" {
				if id <= t.first {
					return nil
				}
				t.last = id
			} else {
				t.first = id
			}
			t.put(ctx, tx, cells)
		}
		stopped = rows.Err()
		return ctx.Err()
	})
	return stopped, err
}

// gap looks for single rows between where the scans stopped.
func (t *taking) gap(ctx context.Context) error {
	return t.s.tx(ctx, func(tx *sql.Tx) error {
		for id := t.first + 1; id < min(t.last, t.first+mostProbed); id++ {
			rows, err := t.old.QueryContext(ctx, "SELECT rowid, "+strings.Join(t.cols, ", ")+" FROM "+t.table+" NOT INDEXED WHERE rowid = ?", id)
			if err != nil {
				continue
			}
			if rows.Next() {
				if _, cells, err := t.read(rows); err == nil {
					t.put(ctx, tx, cells)
				}
			}
			rows.Close()
		}
		return ctx.Err()
	})
}

func (t *taking) read(rows *sql.Rows) (id int64, cells []any, err error) {
	cells = make([]any, len(t.cols))
	into := make([]any, 0, len(cells)+1)
	if t.rowid {
		into = append(into, &id)
	}
	for i := range cells {
		into = append(into, &cells[i])
	}
	return id, cells, rows.Scan(into...)
}

// put adds a row. One that the schema refuses is damaged, or its run is lost.
func (t *taking) put(ctx context.Context, tx *sql.Tx, cells []any) {
	marks := strings.TrimSuffix(strings.Repeat("?, ", len(cells)), ", ")
	res, err := tx.ExecContext(ctx, "INSERT OR IGNORE INTO "+t.table+" ("+strings.Join(t.cols, ", ")+") VALUES ("+marks+")", cells...)
	if err == nil {
		if n, err := res.RowsAffected(); err == nil {
			t.kept += int(n)
		}
		return
	}
	if i := slices.Index(t.cols, "run"); i >= 0 {
		t.lost[fmt.Sprint(cells[i])] = true
	} else {
		t.lost["?"] = true
	}
}
