// Package outbox is a durable queue of points for another store. It lives in
// the file of the store that keeps the runs, so that a run is kept and queued
// in one transaction; delivery is a separate step that any process may take
// up, now or after a crash. A line leaves the queue only when the other side
// has confirmed it, or has refused it for good: then it is kept as a dead
// letter with the reason.
//
// Lines are queued as they will be sent. Sending one again changes nothing on
// the other side, so at-least-once delivery counts each point once.
package outbox

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"time"
)

// An Outbox is the queue in one store's file. It is safe for concurrent use,
// also by several processes.
type Outbox struct {
	db     *sql.DB
	lock   string // path of the file that measuring and delivering lock
	wrap   func(error) error
	now    func() time.Time
	sleep  func(context.Context, time.Duration) error
	jitter func() float64 // in [0, 1)
}

// New returns the queue in db, whose schema is the store's. lock is the path
// of a file by which processes that measure hold deliveries off. wrap gives an
// error of the database the store's words.
func New(db *sql.DB, lock string, wrap func(error) error) *Outbox {
	return &Outbox{db: db, lock: lock, wrap: wrap, now: time.Now, sleep: sleep, jitter: rand.Float64}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// Add queues the lines of a run in tx, the transaction that keeps the run.
func Add(ctx context.Context, tx *sql.Tx, run string, queued time.Time, lines []string) error {
	if len(lines) == 0 {
		return nil
	}
	blob, err := pack(lines)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO outbox (run, queued, n, lines) VALUES (?, ?, ?, ?)", run, queued.UnixNano(), len(lines), blob)
	return err
}

// A line of the queue, and the row that it is from.
type line struct {
	row  *row
	text string
}

type row struct {
	seq int64
	run string
	n   int
}

// A batch is the oldest rows with their lines.
type batch struct {
	rows    []*row
	lines   []line
	damaged []Letter // rows whose lines cannot be read
}

// next returns the oldest rows that hold maxLines together, at least one.
func (o *Outbox) next(ctx context.Context) (batch, error) {
	var b batch
	rows, err := o.db.QueryContext(ctx, "SELECT seq, run, n, lines FROM outbox ORDER BY seq")
	if err != nil {
		return b, err
	}
	defer rows.Close()
	for rows.Next() {
		r := &row{}
		var blob []byte
		if err := rows.Scan(&r.seq, &r.run, &r.n, &blob); err != nil {
			return b, err
		}
		if len(b.rows) > 0 && len(b.lines)+r.n > maxLines {
			break
		}
		b.rows = append(b.rows, r)
		lines, err := unpack(blob)
		if err != nil {
			b.damaged = append(b.damaged, Letter{Run: r.run, Why: "the queued copy is damaged (" + err.Error() + "): queue the run again (assay push --all)"})
		}
		for _, l := range lines {
			b.lines = append(b.lines, line{r, l})
		}
	}
	return b, rows.Err()
}

// settle writes down what became of a batch: rest is still to be sent, dead
// was refused for good, everything else has arrived.
func (o *Outbox) settle(ctx context.Context, b batch, rest []line, dead []Letter, st state) error {
	tx, err := o.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	left := map[*row][]string{}
	for _, l := range rest {
		left[l.row] = append(left[l.row], l.text)
	}
	for _, r := range b.rows {
		if err := r.settle(ctx, tx, left[r]); err != nil {
			return err
		}
	}
	for _, l := range append(b.damaged, dead...) {
		if err := l.put(ctx, tx, o.now()); err != nil {
			return err
		}
	}
	if err := st.put(ctx, tx); err != nil {
		return err
	}
	return tx.Commit()
}

// settle leaves the lines that are still to be sent in the row.
func (r *row) settle(ctx context.Context, tx *sql.Tx, left []string) error {
	switch len(left) {
	case 0:
		_, err := tx.ExecContext(ctx, "DELETE FROM outbox WHERE seq = ?", r.seq)
		return err
	case r.n:
		return nil
	}
	blob, err := pack(left)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "UPDATE outbox SET n = ?, lines = ? WHERE seq = ?", len(left), blob, r.seq)
	return err
}
