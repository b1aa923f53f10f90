package outbox

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"assay/reports"
)

// How long a failed delivery is put off: by backoff doubled from a second to
// five minutes, or by as much as the server asks, a day at most; paused, for
// an hour, since rights come back without anyone telling the device.
const (
	firstBackoff = time.Second
	lastBackoff  = 5 * time.Minute
	longestAsked = 24 * time.Hour
	pausedFor    = time.Hour
)

// Causes of being put off.
const (
	backoff = "backoff"
	asked   = "asked"  // the server said how long
	paused  = "paused" // somebody has to mend it
)

// state is how delivering goes, over all processes.
type state struct {
	done, tried, next time.Time
	attempts          int // failed, since the last success
	size              int // lines of the next request, 0 for the most
	cause, why        string
}

func (o *Outbox) state(ctx context.Context) (state, error) {
	var s state
	var done, tried, next int64
	err := o.db.QueryRowContext(ctx, "SELECT done, tried, next, attempts, size, cause, why FROM delivery").Scan(&done, &tried, &next, &s.attempts, &s.size, &s.cause, &s.why)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return s, err
	}
	s.done, s.tried, s.next = reports.Moment(done), reports.Moment(tried), reports.Moment(next)
	return s, nil
}

func (s state) put(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO delivery (id, done, tried, next, attempts, size, cause, why) VALUES (1, ?, ?, ?, ?, ?, ?, ?)",
		reports.Nanos(s.done), reports.Nanos(s.tried), reports.Nanos(s.next), s.attempts, s.size, s.cause, s.why)
	return err
}

// failed is the state after err; roll in [0, 1) spreads the attempts of many
// devices: a backoff of d lasts d/2 to d, and up to a tenth is added to what
// the server asks.
func (s state) failed(err error, now time.Time, roll float64) state {
	s.tried, s.why, s.cause = now, err.Error(), backoff
	s.attempts++
	d := min(firstBackoff<<min(s.attempts-1, 20), lastBackoff)
	wait := d/2 + time.Duration(roll*float64(d/2))
	var a *Answer
	if errors.As(err, &a) {
		if after := min(a.After, longestAsked); after > 0 {
			s.cause, wait = asked, max(wait, after+time.Duration(roll*float64(after/10)))
		}
		if a.Do == Pause {
			s.cause, wait = paused, max(wait, pausedFor)
		}
	}
	s.next = now.Add(wait)
	return s
}

// putOff is how long to wait before the next attempt. By hand only what the
// server asks is waited for. A clock that has gone back makes it now.
func (s state) putOff(now time.Time, hand bool) time.Duration {
	if s.cause == "" || hand && s.cause != asked || now.Before(s.tried) {
		return 0
	}
	return max(0, s.next.Sub(now))
}
