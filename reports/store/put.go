package store

import (
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"sync"

	"assay/bench"
	"assay/bench/metric"
	"assay/reports"
	"assay/reports/render"
)

// Put keeps a result in one transaction: all of it or nothing. A run that is
// there already is left as it is, so that a result may be delivered twice.
func (s *SQLite) Put(ctx context.Context, r *bench.Result) error {
	return s.PutAll(ctx, []*bench.Result{r})
}

// PutAll keeps many results in one transaction, with one flush of the disk:
// all of them or none.
func (s *SQLite) PutAll(ctx context.Context, rs []*bench.Result) error {
	packed, err := packAll(rs)
	if err != nil {
		return err
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("keep %s: %w", named(rs), s.wrap(err))
	}
	defer tx.Rollback()
	for i, r := range rs {
		if err := s.put(ctx, tx, r, packed[i]); err != nil {
			return fmt.Errorf("keep run %s: %w", r.Run, s.wrap(err))
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("keep %s: %w", named(rs), s.wrap(err))
	}
	return nil
}

// packAll packs the results on all cores, before the store is locked.
func packAll(rs []*bench.Result) ([][]byte, error) {
	packed, errs := make([][]byte, len(rs)), make([]error, len(rs))
	var wg sync.WaitGroup
	free := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i, r := range rs {
		if r.Run == "" {
			errs[i] = errors.New("keep result: it has no run id")
			break
		}
		free <- struct{}{}
		wg.Go(func() {
			defer func() { <-free }()
			var err error
			if packed[i], err = pack(r); err != nil {
				errs[i] = fmt.Errorf("keep run %s: %w", r.Run, err)
			}
		})
	}
	wg.Wait()
	return packed, errors.Join(errs...)
}

// named calls the runs that were to be kept.
func named(rs []*bench.Result) string {
	if len(rs) == 1 {
		return "run " + rs[0].Run
	}
	return fmt.Sprintf("%d runs", len(rs))
}

func (s *SQLite) put(ctx context.Context, tx *sql.Tx, r *bench.Result, packed []byte) error {
	info, rows := reports.Summary(r), reports.Rows(r)
	info.Received = s.now()
	at, err := freeTime(ctx, tx, &info)
	if err != nil {
		return err
	}
	added, err := putRun(ctx, tx, &info, at, packed)
	if err != nil || !added {
		return err
	}
	if err := putSummaries(ctx, tx, &info, rows); err != nil {
		return err
	}
	if err := putFacts(ctx, tx, r); err != nil {
		return err
	}
	for i := range r.Groups {
		for j := range r.Groups[i].Cases {
			if err := putSamples(ctx, tx, r.Run, i, j, r.Groups[i].Cases[j].Samples); err != nil {
				return err
			}
		}
	}
	return s.queue(ctx, tx, &info, rows, at)
}

// freeTime returns the first free nanosecond of the run's device from where
// the run lies: in a time series two points of one series and time are one.
func freeTime(ctx context.Context, tx *sql.Tx, info *reports.Run) (int64, error) {
	at := reports.Nanos(reports.PointTime(info.Started, info.Received))
	rows, err := tx.QueryContext(ctx, "SELECT at FROM runs WHERE device = ? AND at >= ? AND at > 0 ORDER BY at", info.Device, at)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var taken int64
		if err := rows.Scan(&taken); err != nil {
			return 0, err
		}
		if taken != at {
			break
		}
		at++
	}
	return at, rows.Err()
}

// putRun writes the run's own row; false if there is one already.
func putRun(ctx context.Context, tx *sql.Tx, info *reports.Run, at int64, packed []byte) (bool, error) {
	labels, err := json.Marshal(info.Labels)
	if err != nil {
		return false, err
	}
	words, err := json.Marshal(info.Words)
	if err != nil {
		return false, err
	}
	res, err := tx.ExecContext(ctx, `INSERT INTO runs (run, suite, started, ended, received, at, device, name, class, version, partial, labels, groups_n, cases_n, words, result)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (run) DO NOTHING`,
		info.ID, info.Suite, reports.Nanos(info.Started), reports.Nanos(info.Ended), reports.Nanos(info.Received), at, info.Device, info.Name, info.Class,
		info.Version, info.Partial, string(labels), info.Groups, info.Cases, string(words), packed)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

func putSummaries(ctx context.Context, tx *sql.Tx, info *reports.Run, rows []reports.Row) error {
	st, err := tx.PrepareContext(ctx, `INSERT INTO summaries (run, series, device, task, model, variant, engine, build, provider, threads, batch, scenario,
		metric, unit, value, low, high, n, verdict, trusted) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
	if err != nil {
		return err
	}
	defer st.Close()
	for _, row := range rows {
		c, e := row.Case, row.Value
		_, err := st.ExecContext(ctx, info.ID, row.Series, info.Device, c.Task, c.Model, c.Variant, c.Engine, row.Build,
			c.Provider, c.Threads, c.Batch, c.Scenario, e.Metric, e.Unit, e.Value, e.Low, e.High, e.N, string(row.Verdict), row.Trusted)
		if err != nil {
			return err
		}
	}
	return nil
}

func putFacts(ctx context.Context, tx *sql.Tx, r *bench.Result) error {
	facts, err := json.Marshal(reports.Facts(r))
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO facts (run, facts) VALUES (?, ?)", r.Run, string(facts))
	return err
}

// A span describes a stretch of a case's blob of samples.
type span struct {
	Metric string `json:"metric"`
	Unit   string `json:"unit"`
	Trial  int    `json:"trial"`
	N      int    `json:"n"`
}

func putSamples(ctx context.Context, tx *sql.Tx, run string, grp, pos int, samples []metric.Sample) error {
	if len(samples) == 0 {
		return nil
	}
	var data []byte
	spans := make([]span, len(samples))
	for i, s := range samples {
		spans[i] = span{s.Metric, s.Unit, s.Trial, len(s.Values)}
		for _, v := range s.Values {
			data = binary.LittleEndian.AppendUint64(data, math.Float64bits(v))
		}
	}
	text, err := json.Marshal(spans)
	if err != nil {
		return err
	}
	if data == nil {
		data = []byte{}
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO samples (run, grp, pos, spans, data) VALUES (?, ?, ?, ?, ?)", run, grp, pos, string(text), data)
	return err
}

// unspan cuts a blob into samples again.
func unspan(text string, data []byte) ([]metric.Sample, error) {
	var spans []span
	if err := json.Unmarshal([]byte(text), &spans); err != nil {
		return nil, err
	}
	out := make([]metric.Sample, len(spans))
	for i, s := range spans {
		if s.N < 0 || s.N > len(data)/8 {
			return nil, fmt.Errorf("samples of %s: %d values wanted, %d are left", s.Metric, s.N, len(data)/8)
		}
		v := make([]float64, s.N)
		for k := range v {
			v[k] = math.Float64frombits(binary.LittleEndian.Uint64(data[8*k:]))
		}
		data = data[8*s.N:]
		out[i] = metric.Sample{Metric: s.Metric, Unit: s.Unit, Trial: s.Trial, Values: v}
	}
	return out, nil
}

// zippers are used again: one takes a megabyte, more than most results.
var zippers = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // a tenth larger, in half the time; the level is one that there is
	return z
}}

// pack is the gzipped JSON of a result without its samples, which have a
// table of their own.
func pack(r *bench.Result) ([]byte, error) {
	bare := r.WithoutSamples()
	text, err := render.Marshal(bare)
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	z := zippers.Get().(*gzip.Writer)
	defer zippers.Put(z)
	z.Reset(&buf)
	if _, err := z.Write(text); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

func unpack(b []byte) (*bench.Result, error) {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	return render.ReadJSON(io.Reader(z))
}
