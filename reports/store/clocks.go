package store

import (
	"context"
	"time"

	"assay/bench/host"
	"assay/reports"
)

// slack is how far the store's own clock may have been set back since a run
// was received: more is a jump.
const slack = time.Hour

// clocks looks for clocks that were not set or jumped. None of it is damage:
// reports.PointTime places each run where it can be believed.
func (x *exam) clocks(ctx context.Context) error {
	unset := reports.Nanos(clockSet)
	for _, c := range []struct {
		where        string
		arg          int64
		what, remedy string
		state        host.State
	}{
		{"started < ?", unset, "a clock that was not set (before 2020)", "such runs stand where they were received; set the device's clock (NTP) before it measures", host.Warn},
		{"started > received + ?", (24 * time.Hour).Nanoseconds(), "a clock more than a day ahead of this store's", "such runs stand where they were received; set the device's clock (NTP)", host.Warn},
		{"started >= ? AND ended < started", unset, "a clock that was set back during the run", "such runs stand where they began; durations were measured by another clock and hold", host.Warn},
		{"received > ?", reports.Nanos(time.Now().Add(slack)), "a time of arrival that is still to come: this store's clock was ahead", repairs, host.Bad},
	} {
		ids, err := column1(ctx, x.db, "SELECT run FROM runs WHERE "+c.where+" ORDER BY rowid", c.arg)
		if err != nil {
			return err
		}
		if len(ids) > 0 {
			x.add("clock", c.state, c.remedy, "%s by %s: %s", runsText(len(ids)), c.what, few(ids))
		}
	}
	late, err := column1(ctx, x.db, `SELECT run FROM (SELECT run, started, max(started) OVER (PARTITION BY device ORDER BY received, rowid ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS newest FROM runs WHERE started >= ?)
		WHERE started < newest`, reports.Nanos(clockSet))
	if err != nil {
		return err
	}
	if len(late) > 0 {
		x.add("order", host.Good, "", "%s arrived after later ones and stand where they were measured: %s", runsText(len(late)), few(late))
	}
	return nil
}

// clockSet is the earliest time that a clock which has been set can show.
var clockSet = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// twice looks for one run under two ids: a device measures one at a time, so
// equal times and numbers are a copy.
func (x *exam) twice(ctx context.Context) error {
	ids, err := column1(ctx, x.db, `SELECT b.run FROM runs a JOIN runs b ON a.device = b.device AND a.suite = b.suite AND a.started = b.started AND a.ended = b.ended AND a.rowid < b.rowid
		WHERE a.cases_n = b.cases_n AND NOT EXISTS (SELECT series, value, low, high FROM summaries WHERE run = a.run EXCEPT SELECT series, value, low, high FROM summaries WHERE run = b.run)
		GROUP BY b.run ORDER BY b.rowid`)
	if err != nil {
		return err
	}
	if len(ids) > 0 {
		x.add("copies", host.Warn, "they count twice in a history: find where they come from; assay keeps one run of each id",
			"%s with the time and the numbers of another under an id of their own: %s", runsText(len(ids)), few(ids))
	}
	return nil
}

// together looks for runs of one device that were measured at the same time
// and disturbed each other. Copies are told apart by twice.
func (x *exam) together(ctx context.Context) error {
	ids, err := column1(ctx, x.db, `SELECT run FROM (
			SELECT run, started, max(ended) OVER (PARTITION BY device ORDER BY started, ended ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS busy
			FROM (SELECT min(run) AS run, device, started, ended FROM runs WHERE started >= ? AND ended > started GROUP BY device, started, ended))
		WHERE started < busy ORDER BY started`, reports.Nanos(clockSet))
	if err != nil {
		return err
	}
	if len(ids) > 0 {
		x.add("overlap", host.Warn, "measure again one after the other: timing of both was disturbed, whatever their A/A control said",
			"%s began while another was measured on the same device: %s", runsText(len(ids)), few(ids))
	}
	return nil
}
