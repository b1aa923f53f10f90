package store

import (
	"context"
	"database/sql"
	"encoding/json"

	"assay/bench"
	"assay/bench/metric"
	"assay/reports"
)

const remadeNote = "this run was damaged in the store and made again from its numbers: samples, comparisons with the baseline, verdicts and conditions are lost"

// remake makes a run that cannot be read from its row and its summaries. A
// run of which they tell nothing either is removed: made is false.
func (s *SQLite) remake(ctx context.Context, id string) (made bool, err error) {
	packed, r, err := s.remnant(ctx, id)
	if err != nil {
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		return false, s.each(ctx, []string{id}, "DELETE FROM runs WHERE run = ?")
	}
	info := reports.Summary(r)
	labels, err := json.Marshal(info.Labels)
	if err != nil {
		return false, err
	}
	words, err := json.Marshal(info.Words)
	if err != nil {
		return false, err
	}
	err = s.tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM samples WHERE run = ?", id); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "UPDATE runs SET labels = ?, groups_n = ?, cases_n = ?, words = ?, result = ? WHERE run = ?",
			string(labels), info.Groups, info.Cases, string(words), packed, id)
		return err
	})
	if err != nil {
		return false, err
	}
	return true, s.rewrite(ctx, r, reports.Rows(r))
}

// remnant is what the rows of a run still tell, as it will be read again.
func (s *SQLite) remnant(ctx context.Context, id string) ([]byte, *bench.Result, error) {
	r := &bench.Result{Schema: bench.Schema, Run: id, Warnings: []string{remadeNote}}
	var started, ended int64
	var labels string
	d := &r.Device
	err := s.db.QueryRowContext(ctx, "SELECT suite, started, ended, device, name, class, version, partial, labels FROM runs WHERE run = ?", id).
		Scan(&r.Suite, &started, &ended, &d.ID, &d.Name, &d.Class, &r.Version, &r.Partial, &labels)
	if err != nil {
		return nil, nil, err
	}
	r.Started, r.Ended = reports.Moment(started), reports.Moment(ended)
	if json.Unmarshal([]byte(labels), &r.Labels) != nil {
		r.Labels = nil
	}
	if err := s.regroup(ctx, r); err != nil {
		return nil, nil, err
	}
	packed, err := pack(r)
	if err != nil {
		return nil, nil, err
	}
	r, err = unpack(packed)
	return packed, r, err
}

// regroup puts the summaries of a run into groups and cases again.
func (s *SQLite) regroup(ctx context.Context, r *bench.Result) error {
	rows, err := s.db.QueryContext(ctx, `SELECT task, model, variant, engine, build, provider, threads, batch, scenario, metric, unit, value, low, high, n, trusted
		FROM summaries WHERE run = ? ORDER BY task, model, engine, build, provider, threads, batch, scenario, variant <> ?, variant, metric`, r.Run, bench.Baseline)
	if err != nil {
		return s.wrap(err)
	}
	defer rows.Close()
	for rows.Next() {
		var c bench.Case
		var e metric.Estimate
		var trusted bool
		if err := rows.Scan(&c.Task, &c.Model, &c.Variant, &c.Engine, &c.Build, &c.Provider, &c.Threads, &c.Batch, &c.Scenario,
			&e.Metric, &e.Unit, &e.Value, &e.Low, &e.High, &e.N, &trusted); err != nil {
			return s.wrap(err)
		}
		if !(e.Low <= e.High) || e.Metric == "" || e.N < 0 || c.Model == "" || c.Variant == "" || c.Engine == "" {
			continue // itself damaged: the result's reader would refuse it
		}
		g := groupOf(r, &c)
		if m := metric.Lookup(e.Metric); !trusted && m != nil && m.Timing && len(g.Untrusted) == 0 {
			g.Untrusted = []string{"untrusted when it was measured; the cause is lost"}
		}
		if n := len(g.Cases); n == 0 || g.Cases[n-1].Variant != c.Variant {
			g.Cases = append(g.Cases, bench.CaseResult{Case: c, Status: bench.OK})
		}
		last := &g.Cases[len(g.Cases)-1]
		last.Values = append(last.Values, e)
	}
	return s.wrap(rows.Err())
}

// groupOf is the last group of r where c belongs to it, else a new one: cases
// come in the order of their groups.
func groupOf(r *bench.Result, c *bench.Case) *bench.GroupResult {
	if n := len(r.Groups); n > 0 {
		g := &r.Groups[n-1]
		if g.Task == c.Task && g.Model == c.Model && g.Engine == c.Engine && g.Build == c.Build && g.Provider == c.Provider &&
			g.Threads == c.Threads && g.Batch == c.Batch && g.Scenario == c.Scenario {
			return g
		}
	}
	r.Groups = append(r.Groups, bench.GroupResult{
		Task: c.Task, Model: c.Model, Engine: c.Engine, Build: c.Build, Provider: c.Provider, Threads: c.Threads, Batch: c.Batch, Scenario: c.Scenario,
	})
	return &r.Groups[len(r.Groups)-1]
}
