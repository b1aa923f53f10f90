package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"assay/bench"
	"assay/bench/metric"
	"assay/bench/verdict"
	"assay/reports"
)

// Latest names the newest run in Get.
const Latest = "latest"

// Get returns the run whose id begins with prefix, exactly as it was kept, or
// the newest one for Latest.
func (s *SQLite) Get(ctx context.Context, prefix string) (*bench.Result, error) {
	id, err := s.find(ctx, prefix)
	if err != nil {
		return nil, err
	}
	var packed []byte
	if err := s.db.QueryRowContext(ctx, "SELECT result FROM runs WHERE run = ?", id).Scan(&packed); err != nil {
		return nil, s.wrap(err)
	}
	r, err := unpack(packed)
	if err != nil {
		return nil, s.wrap(fmt.Errorf("run %s: %w", id, err))
	}
	return r, s.samples(ctx, r)
}

// find returns the one id that begins with prefix.
func (s *SQLite) find(ctx context.Context, prefix string) (string, error) {
	query, arg := "SELECT run FROM runs WHERE substr(run, 1, length(?1)) = ?1 ORDER BY run = ?1 DESC, run LIMIT 6", prefix
	if prefix == Latest {
		query, arg = "SELECT run FROM runs WHERE ?1 = ?1 ORDER BY received DESC, run LIMIT 1", ""
	}
	ids, err := s.strings(ctx, query, arg)
	switch {
	case err != nil:
		return "", err
	case len(ids) == 0 && prefix == Latest:
		return "", fmt.Errorf("store %s: %w: it is empty", s.path, ErrNotFound)
	case len(ids) == 0:
		return "", fmt.Errorf("store %s: %w: %q (assay history lists them)", s.path, ErrNotFound, prefix)
	case len(ids) > 1 && ids[0] != prefix:
		return "", fmt.Errorf("store %s: run %q is ambiguous (have %s)", s.path, prefix, strings.Join(ids, ", "))
	}
	return ids[0], nil
}

func (s *SQLite) strings(ctx context.Context, query string, args ...any) ([]string, error) {
	rows, err := s.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, s.wrap(err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var v string
		if err := rows.Scan(&v); err != nil {
			return nil, s.wrap(err)
		}
		out = append(out, v)
	}
	return out, s.wrap(rows.Err())
}

// samples puts the samples of a run back where they belong.
func (s *SQLite) samples(ctx context.Context, r *bench.Result) error {
	rows, err := s.db.QueryContext(ctx, "SELECT grp, pos, spans, data FROM samples WHERE run = ?", r.Run)
	if err != nil {
		return s.wrap(err)
	}
	defer rows.Close()
	for rows.Next() {
		var grp, pos int
		var text string
		var data []byte
		if err := rows.Scan(&grp, &pos, &text, &data); err != nil {
			return s.wrap(err)
		}
		if grp < 0 || grp >= len(r.Groups) || pos < 0 || pos >= len(r.Groups[grp].Cases) {
			return s.wrap(fmt.Errorf("%w: run %s has samples of a case that it lacks", ErrDamaged, r.Run))
		}
		c := &r.Groups[grp].Cases[pos]
		if text == gone {
			if !slices.Contains(r.Warnings, goneNote) {
				r.Warnings = append(r.Warnings, goneNote)
			}
			continue
		}
		if c.Samples, err = unspan(text, data); err != nil {
			return s.wrap(fmt.Errorf("%w: run %s: %w", ErrDamaged, r.Run, err))
		}
	}
	return s.wrap(rows.Err())
}

// List returns the runs that f chooses, newest first by the time they were
// received.
func (s *SQLite) List(ctx context.Context, f reports.Filter) ([]reports.Run, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT run, suite, started, ended, received, device, name, class, version, partial, labels, groups_n, cases_n, words
		FROM runs WHERE (?1 = '' OR suite = ?1) AND (?2 = '' OR device = ?2 OR name = ?2) AND started >= ?3 ORDER BY received DESC, run`,
		f.Suite, f.Device, reports.Nanos(f.Since))
	if err != nil {
		return nil, s.wrap(err)
	}
	defer rows.Close()
	var out []reports.Run
	for rows.Next() && (f.Limit <= 0 || len(out) < f.Limit) {
		var r reports.Run
		var started, ended, received int64
		var labels, words string
		err := rows.Scan(&r.ID, &r.Suite, &started, &ended, &received, &r.Device, &r.Name, &r.Class, &r.Version, &r.Partial, &labels, &r.Groups, &r.Cases, &words)
		if err != nil {
			return nil, s.wrap(err)
		}
		r.Started, r.Ended, r.Received = reports.Moment(started), reports.Moment(ended), reports.Moment(received)
		if err := json.Unmarshal([]byte(labels), &r.Labels); err != nil {
			return nil, s.wrap(fmt.Errorf("%w: labels of run %s: %w", ErrDamaged, r.ID, err))
		}
		if err := json.Unmarshal([]byte(words), &r.Words); err != nil {
			return nil, s.wrap(fmt.Errorf("%w: verdicts of run %s: %w", ErrDamaged, r.ID, err))
		}
		if r.Labelled(f.Labels) {
			out = append(out, r)
		}
	}
	return out, s.wrap(rows.Err())
}

// History returns the points of the series that f chooses, oldest first; with
// a limit, those of the newest runs of each series. A run that arrives late
// stands where it was measured (reports.PointTime).
func (s *SQLite) History(ctx context.Context, f reports.SeriesFilter, limit int) ([]reports.Point, error) {
	if limit <= 0 {
		limit = -1
	}
	rows, err := s.db.QueryContext(ctx, `SELECT run, started, received, series, device, model, variant, engine, build, metric, unit, value, low, high, n, verdict, trusted FROM (
			SELECT s.*, r.started, r.received, r.place, row_number() OVER (PARTITION BY series ORDER BY r.place DESC, r.run) AS age
			FROM summaries s JOIN (SELECT *, CASE WHEN at > 0 THEN at ELSE received END AS place FROM runs) r USING (run)
			WHERE (?1 = '' OR r.suite = ?1) AND (?2 = '' OR s.device = ?2 OR r.name = ?2) AND (?3 = '' OR task = ?3) AND (?4 = '' OR model = ?4)
				AND (?5 = '' OR variant = ?5) AND (?6 = '' OR engine = ?6) AND (?7 = '' OR metric = ?7))
		WHERE ?8 < 0 OR age <= ?8 ORDER BY series, place, run`,
		f.Suite, f.Device, f.Task, f.Model, f.Variant, f.Engine, f.Metric, limit)
	if err != nil {
		return nil, s.wrap(err)
	}
	defer rows.Close()
	var out []reports.Point
	for rows.Next() {
		var p reports.Point
		var e metric.Estimate
		var started, received int64
		var word string
		err := rows.Scan(&p.Run, &started, &received, &p.Series, &p.Device, &p.Model, &p.Variant, &p.Engine, &p.Build,
			&e.Metric, &e.Unit, &e.Value, &e.Low, &e.High, &e.N, &word, &p.Trusted)
		if err != nil {
			return nil, s.wrap(err)
		}
		e.Source = reports.SeriesSource(p.Series)
		p.Started, p.Received, p.Value, p.Verdict = reports.Moment(started), reports.Moment(received), e, verdict.Word(word)
		out = append(out, p)
	}
	return out, s.wrap(rows.Err())
}

// Find returns the id of the one run that begins with prefix, or the newest
// one's for Latest.
func (s *SQLite) Find(ctx context.Context, prefix string) (string, error) { return s.find(ctx, prefix) }
