package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"assay/bench/host"
	"assay/reports"

	_ "modernc.org/sqlite" // the driver
)

// repairs is the remedy of what Repair mends.
const repairs = "assay doctor --store --repair (it makes a copy first)"

// Examine looks at the store at path without changing it: the file, every
// run, its numbers and samples, and the clocks. What is wrong is an item, not
// an error; an error says that it could not be looked at.
func Examine(ctx context.Context, path string) ([]host.Item, error) {
	x := &exam{path: path}
	if err := x.open(); err != nil {
		return nil, err
	}
	if x.db != nil {
		defer x.db.Close()
		if err := x.file(ctx); err != nil {
			return nil, err
		}
	}
	if x.readable {
		for _, look := range []func(context.Context) error{x.runs, x.lost, x.clocks, x.twice, x.together} {
			if err := look(ctx); err != nil {
				x.damaged(err)
				break
			}
		}
	}
	return x.items, nil
}

// An exam gathers what is found in one file.
type exam struct {
	path     string
	db       *sql.DB
	items    []host.Item
	readable bool // the tables are ours and can be asked
}

func (x *exam) add(name string, state host.State, remedy, format string, a ...any) {
	x.items = append(x.items, host.Item{Name: name, State: state, Detail: fmt.Sprintf(format, a...), Remedy: remedy})
}

// damaged says that a look ended early.
func (x *exam) damaged(err error) {
	x.add("file", host.Bad, repairs, "it cannot be read to its end: %v", err)
}

// open opens the file for reading alone.
func (x *exam) open() error {
	st, err := os.Stat(x.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		x.add("file", host.Good, "", "%s does not exist yet: the first run makes it", x.path)
		return nil
	case err != nil:
		return fmt.Errorf("store %s: %w", x.path, err)
	case !st.Mode().IsRegular():
		return fmt.Errorf("store %s: it is no file", x.path)
	}
	x.db, err = openRaw(x.path, "ro", cut)
	if err != nil {
		return fmt.Errorf("store %s: %w", x.path, err)
	}
	return nil
}

// cut makes SQLite open a file that was cut short, which it refuses otherwise.
const cut = "writable_schema(1)"

// openRaw opens a database as it is: no schema is made or brought up to date.
func openRaw(path, mode string, pragmas ...string) (*sql.DB, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	p := filepath.ToSlash(abs)
	if !strings.HasPrefix(p, "/") {
		p = "/" + p // a Windows drive
	}
	q := url.Values{"mode": {mode}, "_pragma": append([]string{fmt.Sprintf("busy_timeout(%d)", busy.Milliseconds())}, pragmas...)}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: p}).EscapedPath()+"?"+q.Encode())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

// tablesThere counts the tables that hold runs, tablesOf is how many a schema
// has: the fourth put points and series in place of the table of summaries.
const tablesThere = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN ('runs', 'summaries', 'points', 'series', 'samples')"

func tablesOf(version int) int {
	if version < 4 {
		return 3
	}
	return 4
}

// file looks at the database as SQLite sees it.
func (x *exam) file(ctx context.Context) error {
	var version, app, tables int
	for _, q := range []struct {
		text string
		into *int
	}{{"PRAGMA user_version", &version}, {"PRAGMA application_id", &app}, {tablesThere, &tables}} {
		if err := x.db.QueryRowContext(ctx, q.text).Scan(q.into); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			x.add("file", host.Bad, "bring back a copy, or move it away and start anew: the rest of it cannot be found without this page", "its first page cannot be read: %v", err)
			return nil
		}
	}
	switch {
	case app != application:
		x.add("file", host.Bad, "choose another store (ASSAY_STORE)", "it is a database of another program")
		return nil
	case version > len(migrations):
		x.add("version", host.Bad, "use a newer assay; this one leaves the file alone", "its schema is version %d, this program knows %d", version, len(migrations))
		return nil
	case tables < tablesOf(version):
		x.add("file", host.Bad, repairs, "tables are missing: it has %d of the %d that hold runs", tables, tablesOf(version))
		return nil
	case version < len(migrations):
		x.add("version", host.Good, "", "schema %d: the next run brings it to %d", version, len(migrations))
	}
	x.readable = true
	bad, err := column1(ctx, x.db, "PRAGMA integrity_check(5)")
	if err != nil || len(bad) != 1 || bad[0] != "ok" {
		text := strings.Join(bad, "; ")
		if err != nil {
			text = strings.TrimPrefix(text+"; "+err.Error(), "; ")
		}
		x.add("file", host.Bad, repairs, "damaged: %s", strings.Join(strings.Fields(text), " "))
		return nil
	}
	orphans, err := column1(ctx, x.db, "SELECT \"table\" FROM pragma_foreign_key_check")
	switch {
	case err != nil:
		return err
	case len(orphans) > 0:
		x.add("file", host.Bad, repairs, "%d rows belong to runs or series that it does not hold", len(orphans))
	default:
		x.add("file", host.Good, "", "whole")
	}
	return nil
}

// column1 is the first column of what a query gives. It returns what it had
// where the query ends in an error.
func column1(ctx context.Context, db *sql.DB, query string, args ...any) ([]string, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var v string
		if err := rows.Scan(&v); err != nil {
			return out, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

// few is some of the ids, for a message.
func few(ids []string) string {
	const most = 3
	if len(ids) <= most {
		return strings.Join(ids, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(ids[:most], ", "), len(ids)-most)
}

// runsText is "1 run", "3 runs".
func runsText(n int) string {
	if n == 1 {
		return "1 run"
	}
	return fmt.Sprintf("%d runs", n)
}

// runs reads every run as it would be printed, and holds its rows against it.
func (x *exam) runs(ctx context.Context) error {
	ids, err := column1(ctx, x.db, "SELECT run FROM runs ORDER BY rowid")
	if err != nil {
		return err
	}
	s := &SQLite{db: x.db, path: x.path}
	var broken, differ, negative []string
	for _, id := range ids {
		r, err := s.Get(ctx, id)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			broken = append(broken, id)
			continue
		}
		rows := reports.Rows(r)
		if same, err := s.hasRows(ctx, id, rows); err != nil {
			return err
		} else if !same {
			differ = append(differ, id)
		}
		for _, row := range rows {
			if !reports.Possible(row.Value.Metric, row.Value.Value) {
				negative = append(negative, id)
				break
			}
		}
	}
	facts, err := column1(ctx, x.db, "SELECT run FROM facts WHERE NOT json_valid(facts)")
	if err == nil && len(facts) > 0 { // an older schema has none
		x.add("facts", host.Bad, repairs, "under what %s were measured cannot be read: %s", runsText(len(facts)), few(facts))
	}
	if len(broken) > 0 {
		x.add("runs", host.Bad, repairs+" makes what is left of its numbers", "%s cannot be read: %s", runsText(len(broken)), few(broken))
	}
	if len(differ) > 0 {
		x.add("numbers", host.Bad, repairs, "the rows of %s are not those of the run itself: %s", runsText(len(differ)), few(differ))
	}
	if len(negative) > 0 {
		x.add("values", host.Warn, "look at the engine or the file that they came from; they are shown, and count as no evidence",
			"%s with values that cannot be, such as a negative time: %s", runsText(len(negative)), few(negative))
	}
	if len(broken)+len(differ) == 0 {
		x.add("runs", host.Good, "", "%s, all readable, every number as in its run", runsText(len(ids)))
	}
	return nil
}

// hasRows tells whether the summaries of a run are exactly these.
func (s *SQLite) hasRows(ctx context.Context, id string, want []reports.Row) (bool, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT series, value, low, high, n, trusted FROM summaries WHERE run = ?", id)
	if err != nil {
		return false, err
	}
	defer rows.Close()
	left := map[string]*reports.Row{}
	for i := range want {
		left[want[i].Series] = &want[i]
	}
	same := true
	for rows.Next() {
		var series string
		var value, low, high float64
		var n int
		var trusted bool
		if err := rows.Scan(&series, &value, &low, &high, &n, &trusted); err != nil {
			return false, err
		}
		w := left[series]
		same = same && w != nil && w.Value.Value == value && w.Value.Low == low && w.Value.High == high && w.Value.N == n && w.Trusted == trusted
		delete(left, series)
	}
	return same && len(left) == 0, rows.Err()
}

// lost counts the runs that Prune has taken the samples of.
func (x *exam) lost(ctx context.Context) error {
	var n, size int
	if err := x.db.QueryRowContext(ctx, "SELECT count(DISTINCT run) FROM samples WHERE spans = ?", gone).Scan(&n); err != nil {
		return err
	}
	if err := x.db.QueryRowContext(ctx, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size").Scan(&size); err != nil {
		return err
	}
	x.add("size", host.Good, "", "%.1f MB; %s without samples (assay store prune)", float64(size)/1e6, runsText(n))
	return nil
}
