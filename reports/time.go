package reports

import "time"

// Nanos and Moment keep times as nanoseconds since 1970. The zero time is 0,
// and so is one that 64 bits do not reach (before 1678, after 2261): such a
// clock says nothing.
func Nanos(t time.Time) int64 {
	if t.IsZero() || t.Year() < 1678 || t.Year() > 2261 {
		return 0
	}
	return t.UnixNano()
}

// Moment is the time n nanoseconds after 1970, in UTC.
func Moment(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

// set is the earliest time that a clock which has been set can show: Assay is
// younger.
var set = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// ahead is how far a device's clock may run before the store's: a day, which
// covers a clock set in local time.
const ahead = 24 * time.Hour

// PointTime is when a run lies on the axis of time: where its device's clock
// says, unless that clock was not set (before 2020) or runs more than a day
// ahead of the store's; then where the store received it. It is asked once,
// when the run is kept, and never again.
func PointTime(started, received time.Time) time.Time {
	sane := Nanos(started) != 0 && !started.Before(set)
	if !sane || !received.Before(set) && started.After(received.Add(ahead)) {
		return received
	}
	return started
}
