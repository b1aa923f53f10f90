package store

import (
	"context"
	"database/sql"
	"time"

	"assay/reports"
)

// A Policy says how long a store keeps what. A run goes when it is older than
// its age or beyond its count; ages are those since it was received, counts
// are of a device's runs of one suite. The newest run of each device and suite
// always stays, so that no series ends without a trace, and so do runs that were
// accepted (assay ack) or measured against. 0 sets no bound.
type Policy struct {
	SamplesAge, RunsAge     time.Duration
	SamplesCount, RunsCount int
}

// Pruned is what a policy removes.
type Pruned struct {
	Samples int   `json:"samples"` // runs that lose their samples and keep everything else
	Runs    int   `json:"runs"`    // runs that go whole
	Free    int64 `json:"free"`    // B in the file that the next runs use
}

// gone stands where samples were, and goneNote is what their run says of it.
const (
	gone     = "null"
	goneNote = "the samples of this run are no longer in the store: its numbers are, the evidence under them is not"
)

// atOnce is how many runs are removed in one transaction: few enough that
// nobody waits long, many enough that a page is not written once per run.
const atOnce = 100

// Prune removes what p does not keep. With dry it only counts.
func (s *SQLite) Prune(ctx context.Context, p Policy, dry bool) (Pruned, error) {
	runs, err := s.beyond(ctx, p.RunsAge, p.RunsCount, "run NOT IN (SELECT run FROM acks UNION SELECT accepted FROM remeasured)")
	if err != nil {
		return Pruned{}, err
	}
	samples, err := s.beyond(ctx, p.SamplesAge, p.SamplesCount, "EXISTS (SELECT 1 FROM samples WHERE samples.run = ranked.run AND spans <> '"+gone+"')")
	if err != nil {
		return Pruned{}, err
	}
	going := map[string]bool{}
	for _, id := range runs {
		going[id] = true
	}
	var only []string
	for _, id := range samples {
		if !going[id] {
			only = append(only, id)
		}
	}
	out := Pruned{Samples: len(only), Runs: len(runs)}
	if !dry {
		// Summaries and samples go with their run: the schema cascades.
		if err := s.each(ctx, runs, "DELETE FROM runs WHERE run = ?"); err != nil {
			return Pruned{}, err
		}
		if err := s.each(ctx, only, "UPDATE samples SET spans = '"+gone+"', data = x'' WHERE run = ?"); err != nil {
			return Pruned{}, err
		}
	}
	out.Free, err = s.unused(ctx)
	return out, err
}

// beyond lists the runs that an age and a count leave out.
func (s *SQLite) beyond(ctx context.Context, age time.Duration, count int, where string) ([]string, error) {
	before := int64(0)
	if age > 0 {
		before = reports.Nanos(s.now().Add(-age))
	}
	return s.strings(ctx, `WITH ranked AS (SELECT run, received, row_number() OVER (PARTITION BY device, suite ORDER BY received DESC, run) AS rank FROM runs)
		SELECT run FROM ranked WHERE rank > 1 AND (received < ?1 OR ?2 > 0 AND rank > ?2) AND `+where+` ORDER BY received, run`, before, count)
}

// each executes a statement for every id.
func (s *SQLite) each(ctx context.Context, ids []string, query string) error {
	for len(ids) > 0 {
		n := min(len(ids), atOnce)
		if err := s.tx(ctx, func(tx *sql.Tx) error {
			for _, id := range ids[:n] {
				if _, err := tx.ExecContext(ctx, query, id); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
		ids = ids[n:]
	}
	return nil
}

// tx does f in one transaction.
func (s *SQLite) tx(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return s.wrap(err)
	}
	defer tx.Rollback()
	if err := f(tx); err != nil {
		return s.wrap(err)
	}
	return s.wrap(tx.Commit())
}

// unused is the room inside the file.
func (s *SQLite) unused(ctx context.Context) (int64, error) {
	var pages, size int64
	if err := s.db.QueryRowContext(ctx, "SELECT freelist_count, page_size FROM pragma_freelist_count, pragma_page_size").Scan(&pages, &size); err != nil {
		return 0, s.wrap(err)
	}
	return pages * size, nil
}

// Compact writes the file anew without the room inside it. It needs as much
// room again on the disk while it works.
func (s *SQLite) Compact(ctx context.Context) error {
	if _, err := s.db.ExecContext(ctx, "VACUUM"); err != nil {
		return s.wrap(err)
	}
	_, err := s.db.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	return s.wrap(err)
}

// Has tells whether the store keeps the run with exactly this id.
func (s *SQLite) Has(ctx context.Context, id string) (bool, error) {
	ids, err := s.strings(ctx, "SELECT run FROM runs WHERE run = ?", id)
	return len(ids) > 0, err
}
