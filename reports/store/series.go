package store

import (
	"context"
	"database/sql"
	"maps"
	"sync"

	"assay/reports"
)

// An index holds the numbers that series have in the file. A number is never
// used for another series, and rows of series are never removed, so that what
// was once committed holds for as long as the file is open.
type index struct {
	mu sync.Mutex
	of map[string]int64
}

// summaries writes the numbers of runs in one transaction, which ends its
// statements. It finds the series that were committed, and those that it adds
// itself: keep makes these known after the commit.
type summaries struct {
	index *index
	added map[string]int64
	point *sql.Stmt
	name  *sql.Stmt
}

func (x *index) open(ctx context.Context, tx *sql.Tx) (*summaries, error) {
	s := &summaries{index: x, added: map[string]int64{}}
	var err error
	// One row each: the driver looks a statement's arguments up one among all,
	// so that many rows at once take longer.
	if s.point, err = tx.PrepareContext(ctx, "INSERT INTO points (run, series, build, unit, value, low, high, n, verdict, trusted) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"); err != nil {
		return nil, err
	}
	// The update changes nothing; it lets RETURNING answer for a row that is there.
	s.name, err = tx.PrepareContext(ctx, `INSERT INTO series (key, device, task, model, variant, engine, provider, threads, batch, scenario, metric)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET key = key RETURNING id`)
	return s, err
}

func (s *summaries) keep() {
	s.index.mu.Lock()
	defer s.index.mu.Unlock()
	if s.index.of == nil {
		s.index.of = map[string]int64{}
	}
	maps.Copy(s.index.of, s.added)
}

// put writes the numbers of a run.
func (s *summaries) put(ctx context.Context, info *reports.Run, rows []reports.Row) error {
	for i := range rows {
		row := &rows[i]
		id, err := s.number(ctx, info.Device, row)
		if err != nil {
			return err
		}
		e := &row.Value
		if _, err := s.point.ExecContext(ctx, info.ID, id, row.Build, e.Unit, e.Value, e.Low, e.High, e.N, string(row.Verdict), row.Trusted); err != nil {
			return err
		}
	}
	return nil
}

// number returns the number of a row's series, which is added where it is new.
func (s *summaries) number(ctx context.Context, device string, row *reports.Row) (int64, error) {
	s.index.mu.Lock()
	id, ok := s.index.of[row.Series]
	s.index.mu.Unlock()
	if ok {
		return id, nil
	}
	if id, ok := s.added[row.Series]; ok {
		return id, nil
	}
	c := row.Case
	err := s.name.QueryRowContext(ctx, row.Series, device, c.Task, c.Model, c.Variant, c.Engine, c.Provider, c.Threads, c.Batch, c.Scenario, row.Value.Metric).Scan(&id)
	if err == nil {
		s.added[row.Series] = id
	}
	return id, err
}
