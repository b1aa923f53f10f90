package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"assay/reports"
)

// Log returns the values of all series in the runs that f chooses, with what
// is known of those runs, the acknowledgements and the second measurements.
func (s *SQLite) Log(ctx context.Context, f reports.Filter) (*reports.Log, error) {
	l := &reports.Log{}
	at, err := s.logRuns(ctx, f, l)
	if err != nil {
		return nil, err
	}
	if err := s.logPoints(ctx, at, l); err != nil {
		return nil, err
	}
	if l.Acks, err = s.Acks(ctx); err != nil {
		return nil, err
	}
	l.Again, err = s.remeasured(ctx)
	return l, err
}

// logRuns fills in the runs and returns their positions by id.
func (s *SQLite) logRuns(ctx context.Context, f reports.Filter, l *reports.Log) (map[string]int32, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT run, suite, device, name, received, labels, coalesce(facts, '') FROM runs LEFT JOIN facts USING (run)
		WHERE (?1 = '' OR suite = ?1) AND (?2 = '' OR device = ?2 OR name = ?2) AND received >= ?3 ORDER BY received, run`, f.Suite, f.Device, reports.Nanos(f.Since))
	if err != nil {
		return nil, s.wrap(err)
	}
	defer rows.Close()
	at := map[string]int32{}
	var bare []int
	for rows.Next() {
		var r reports.LogRun
		var received int64
		var labels, facts string
		if err := rows.Scan(&r.ID, &r.Suite, &r.Device, &r.Name, &received, &labels, &facts); err != nil {
			return nil, s.wrap(err)
		}
		var own map[string]string
		if err := json.Unmarshal([]byte(labels), &own); err != nil {
			return nil, s.wrap(fmt.Errorf("%w: labels of run %s: %w", ErrDamaged, r.ID, err))
		}
		if !(&reports.Run{Labels: own}).Labelled(f.Labels) {
			continue
		}
		r.Received = reports.Moment(received)
		switch {
		case facts == "":
			bare = append(bare, len(l.Runs))
		case json.Unmarshal([]byte(facts), &r.Facts) != nil:
			return nil, s.wrap(fmt.Errorf("%w: facts of run %s", ErrDamaged, r.ID))
		}
		at[r.ID] = int32(len(l.Runs))
		l.Runs = append(l.Runs, r)
	}
	if err := rows.Err(); err != nil {
		return nil, s.wrap(err)
	}
	rows.Close() // the store has one connection, which the next query needs
	for _, i := range bare {
		if err := s.recall(ctx, &l.Runs[i]); err != nil {
			return nil, err
		}
	}
	return at, nil
}

// recall finds the facts of a run that was kept before there was a table for
// them, and keeps them.
func (s *SQLite) recall(ctx context.Context, r *reports.LogRun) error {
	var packed []byte
	if err := s.db.QueryRowContext(ctx, "SELECT result FROM runs WHERE run = ?", r.ID).Scan(&packed); err != nil {
		return s.wrap(err)
	}
	res, err := unpack(packed)
	if err != nil {
		return s.wrap(fmt.Errorf("run %s: %w", r.ID, err))
	}
	r.Facts = reports.Facts(res)
	text, err := json.Marshal(r.Facts)
	if err != nil {
		return err
	}
	_, err = s.db.ExecContext(ctx, "INSERT INTO facts (run, facts) VALUES (?, ?) ON CONFLICT DO NOTHING", r.ID, string(text))
	return s.wrap(err)
}

// logPoints fills in the series. Rows come by run, as they are kept: sorting a
// million of them costs more than looking each one's series up.
func (s *SQLite) logPoints(ctx context.Context, at map[string]int32, l *reports.Log) error {
	rows, err := s.db.QueryContext(ctx, "SELECT run, series, value, n, trusted FROM summaries")
	if err != nil {
		return s.wrap(err)
	}
	defer rows.Close()
	byKey := map[string]int{}
	var run, series sql.RawBytes
	for rows.Next() {
		var p reports.LogPoint
		if err := rows.Scan(&run, &series, &p.Value, &p.N, &p.Trusted); err != nil {
			return s.wrap(err)
		}
		var ok bool
		if p.Run, ok = at[string(run)]; !ok {
			continue
		}
		i, ok := byKey[string(series)]
		if !ok {
			i = len(l.Series)
			key := string(series)
			byKey[key] = i
			l.Series = append(l.Series, reports.LogSeries{Key: key})
		}
		l.Series[i].Points = append(l.Series[i].Points, p)
	}
	return s.wrap(rows.Err())
}

// Ack keeps an acknowledgement; a second one of the same series and run
// replaces its reason.
func (s *SQLite) Ack(ctx context.Context, a reports.Ack) error {
	_, err := s.db.ExecContext(ctx, "INSERT INTO acks (series, run, why, at) VALUES (?, ?, ?, ?) ON CONFLICT (series, run) DO UPDATE SET why = excluded.why, at = excluded.at",
		a.Series, a.Run, a.Why, reports.Nanos(s.now()))
	return s.wrap(err)
}

// Acks returns all acknowledgements, the oldest first.
func (s *SQLite) Acks(ctx context.Context) ([]reports.Ack, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT series, run, why, at FROM acks ORDER BY at, series")
	if err != nil {
		return nil, s.wrap(err)
	}
	defer rows.Close()
	var out []reports.Ack
	for rows.Next() {
		var a reports.Ack
		var at int64
		if err := rows.Scan(&a.Series, &a.Run, &a.Why, &at); err != nil {
			return nil, s.wrap(err)
		}
		a.At = reports.Moment(at)
		out = append(out, a)
	}
	return out, s.wrap(rows.Err())
}

// SeriesKeys returns the keys of the series that a run holds.
func (s *SQLite) SeriesKeys(ctx context.Context, run string) ([]string, error) {
	return s.strings(ctx, "SELECT series FROM summaries WHERE run = ? ORDER BY series", run)
}

// PutAgain keeps second measurements, all or none of them. One that is there
// already is left as it is: a night is measured again once.
func (s *SQLite) PutAgain(ctx context.Context, all []reports.Remeasured) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return s.wrap(err)
	}
	defer tx.Rollback()
	for _, r := range all {
		if !reports.Finite(r.Ratio.Mid, r.Ratio.SE) {
			continue
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO remeasured (series, run, accepted, by, control, mid, se, df, n, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			r.Series, r.Run, r.Accepted, r.By, r.Control, r.Ratio.Mid, r.Ratio.SE, r.Ratio.DF, r.Ratio.N, reports.Nanos(s.now()))
		if err != nil {
			return s.wrap(err)
		}
	}
	return s.wrap(tx.Commit())
}

func (s *SQLite) remeasured(ctx context.Context) ([]reports.Remeasured, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT series, run, accepted, by, control, mid, se, df, n, at FROM remeasured ORDER BY at, series")
	if err != nil {
		return nil, s.wrap(err)
	}
	defer rows.Close()
	var out []reports.Remeasured
	for rows.Next() {
		var r reports.Remeasured
		var at int64
		if err := rows.Scan(&r.Series, &r.Run, &r.Accepted, &r.By, &r.Control, &r.Ratio.Mid, &r.Ratio.SE, &r.Ratio.DF, &r.Ratio.N, &at); err != nil {
			return nil, s.wrap(err)
		}
		r.At = reports.Moment(at)
		out = append(out, r)
	}
	return out, s.wrap(rows.Err())
}

// Newest returns when the newest run was received, the zero time of an empty
// store. A run that was received more than a day after now does not count: a
// clock was wrong.
func (s *SQLite) Newest(ctx context.Context) (time.Time, error) {
	var at int64
	err := s.db.QueryRowContext(ctx, "SELECT coalesce(max(received), 0) FROM runs WHERE received <= ?", s.now().Add(24*time.Hour).UnixNano()).Scan(&at)
	return reports.Moment(at), s.wrap(err)
}
