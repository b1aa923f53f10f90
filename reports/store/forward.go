package store

import (
	"context"
	"database/sql"
	"time"

	"assay/reports"
	"assay/reports/store/outbox"
)

// A Forward turns a run into the lines that another store takes. Its points
// lie at at, which no other run of its device has.
type Forward func(info *reports.Run, rows []reports.Row, at time.Time) ([]string, error)

// ForwardWith makes Put queue every run for another store, in the transaction
// that keeps it. Runs kept before are not queued: see Requeue.
func (s *SQLite) ForwardWith(f Forward) { s.forward = f }

// Outbox is the queue in the store's file.
func (s *SQLite) Outbox() *outbox.Outbox { return s.out }

func (s *SQLite) queue(ctx context.Context, tx *sql.Tx, info *reports.Run, rows []reports.Row, at int64) error {
	if s.forward == nil {
		return nil
	}
	lines, err := s.forward(info, rows, reports.Moment(at))
	if err != nil {
		return err
	}
	return outbox.Add(ctx, tx, info.ID, s.now(), lines)
}

// Requeue queues the stored runs that are not queued already, for a server
// that is new or has lost them; it returns how many. What the server has is
// overwritten with itself: a run's points keep their time.
func (s *SQLite) Requeue(ctx context.Context) (int, error) {
	ids, err := s.strings(ctx, "SELECT run FROM runs WHERE run NOT IN (SELECT run FROM outbox) ORDER BY received, run")
	if err != nil {
		return 0, err
	}
	for i, id := range ids {
		if err := s.requeue(ctx, id); err != nil {
			return i, err
		}
	}
	return len(ids), nil
}

func (s *SQLite) requeue(ctx context.Context, id string) error {
	r, err := s.Get(ctx, id)
	if err != nil {
		return err
	}
	info := reports.Summary(r)
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return s.wrap(err)
	}
	defer tx.Rollback()
	var at, received int64
	if err := tx.QueryRowContext(ctx, "SELECT at, received FROM runs WHERE run = ?", id).Scan(&at, &received); err != nil {
		return s.wrap(err)
	}
	info.Received = reports.Moment(received)
	if at == 0 { // kept by an older program that had the file open when this one changed it
		if at, err = freeTime(ctx, tx, &info); err != nil {
			return s.wrap(err)
		}
		if _, err := tx.ExecContext(ctx, "UPDATE runs SET at = ? WHERE run = ?", at, id); err != nil {
			return s.wrap(err)
		}
	}
	if err := s.queue(ctx, tx, &info, reports.Rows(r), at); err != nil {
		return s.wrap(err)
	}
	return s.wrap(tx.Commit())
}
