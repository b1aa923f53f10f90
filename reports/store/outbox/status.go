package outbox

import (
	"context"
	"database/sql"
	"time"

	"assay/reports"
)

// A Status is what an outbox holds and how delivering goes.
type Status struct {
	Runs     int       `json:"runs"`   // queued, wholly or in part
	Points   int       `json:"points"` // queued
	Oldest   time.Time `json:"oldest,omitzero"`
	Done     time.Time `json:"done,omitzero"`  // last success
	Tried    time.Time `json:"tried,omitzero"` // last attempt
	Next     time.Time `json:"next,omitzero"`  // not before, unless by hand
	Attempts int       `json:"failed_attempts"`
	Paused   bool      `json:"paused"` // somebody has to mend what why says
	Why      string    `json:"why,omitempty"`
	Dead     []Letter  `json:"dead_letters"`
}

// A Letter is a line that the other side refused for good.
type Letter struct {
	Run    string    `json:"run"`
	Died   time.Time `json:"died"`
	Status int       `json:"status"` // HTTP
	Why    string    `json:"why"`
	Line   string    `json:"line"`
}

// Status looks at the queue.
func (o *Outbox) Status(ctx context.Context) (Status, error) {
	s, err := o.status(ctx)
	return s, o.wrap(err)
}

func (o *Outbox) status(ctx context.Context) (Status, error) {
	var s Status
	var oldest sql.NullInt64
	err := o.db.QueryRowContext(ctx, "SELECT count(DISTINCT run), coalesce(sum(n), 0), min(queued) FROM outbox").Scan(&s.Runs, &s.Points, &oldest)
	if err != nil {
		return s, err
	}
	s.Oldest = reports.Moment(oldest.Int64)
	st, err := o.state(ctx)
	if err != nil {
		return s, err
	}
	s.Done, s.Tried, s.Attempts, s.Why = st.done, st.tried, st.attempts, st.why
	if st.cause != "" {
		s.Next, s.Paused = st.next, st.cause == paused
	}
	s.Dead, err = dead(ctx, o.db)
	return s, err
}

// points is the number of queued lines.
func (o *Outbox) points(ctx context.Context) (int, error) {
	var n int
	err := o.db.QueryRowContext(ctx, "SELECT coalesce(sum(n), 0) FROM outbox").Scan(&n)
	return n, err
}

// dead reads the dead letters in db or in a transaction.
func dead(ctx context.Context, db interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
},
) ([]Letter, error) {
	rows, err := db.QueryContext(ctx, "SELECT run, died, status, why, line FROM dead ORDER BY died, run, line")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := []Letter{}
	for rows.Next() {
		var l Letter
		var died int64
		if err := rows.Scan(&l.Run, &died, &l.Status, &l.Why, &l.Line); err != nil {
			return nil, err
		}
		l.Died = reports.Moment(died)
		out = append(out, l)
	}
	return out, rows.Err()
}

// put keeps a dead letter.
func (l Letter) put(ctx context.Context, tx *sql.Tx, died time.Time) error {
	_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO dead (run, line, died, status, why) VALUES (?, ?, ?, ?, ?)", l.Run, l.Line, reports.Nanos(died), l.Status, l.Why)
	return err
}

// Revive queues the dead letters again, for a server that has been mended; it
// returns how many. Those whose copy was damaged stay.
func (o *Outbox) Revive(ctx context.Context) (int, error) {
	n, err := o.revive(ctx)
	return n, o.wrap(err)
}

func (o *Outbox) revive(ctx context.Context) (int, error) {
	tx, err := o.db.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback()
	letters, err := dead(ctx, tx)
	if err != nil {
		return 0, err
	}
	byRun := map[string][]string{}
	var order []string
	n := 0
	for _, l := range letters {
		if l.Line == "" {
			continue
		}
		if byRun[l.Run] == nil {
			order = append(order, l.Run)
		}
		byRun[l.Run] = append(byRun[l.Run], l.Line)
		n++
	}
	for _, run := range order {
		if err := Add(ctx, tx, run, o.now(), byRun[run]); err != nil {
			return 0, err
		}
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM dead WHERE line <> ''"); err != nil {
		return 0, err
	}
	return n, tx.Commit()
}

// Bury forgets the dead letters and returns how many there were. The runs
// themselves stay in the store.
func (o *Outbox) Bury(ctx context.Context) (int, error) {
	res, err := o.db.ExecContext(ctx, "DELETE FROM dead")
	if err != nil {
		return 0, o.wrap(err)
	}
	n, err := res.RowsAffected()
	return int(n), o.wrap(err)
}
