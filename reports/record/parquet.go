package record

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/parquet-go/parquet-go"

	"assay/bench"
)

func init() {
	Register(Form{
		Name: "parquet", Doc: "the rows of csv as Parquet, with the samples of each trial",
		Write: func(w io.Writer) Writer {
			return &parquetWriter{parquet.NewGenericWriter[Row](w, parquet.Compression(&parquet.Zstd), parquet.CreatedBy("assay", "", ""))}
		},
		Read: readParquet,
	})
}

type parquetWriter struct{ w *parquet.GenericWriter[Row] }

func (p *parquetWriter) Write(r *bench.Result) error {
	rows, err := Rows(r, true)
	if err != nil {
		return err
	}
	for i := range rows {
		rows[i].Started, rows[i].Ended = stamp(rows[i].Started), stamp(rows[i].Ended)
		for j := range rows[i].Samples {
			s := &rows[i].Samples[j]
			s.Values = finiteOnly(s.Values)
		}
	}
	_, err = p.w.Write(rows)
	return err
}

func (p *parquetWriter) Close() error { return p.w.Close() }

func finiteOnly(in []float64) []float64 {
	out := make([]float64, 0, len(in))
	for _, v := range in {
		if finite(v) {
			out = append(out, v)
		}
	}
	return out
}

// stamp is t where 64 bits of nanoseconds reach it, else 1970, which clock
// reads as no time at all.
func stamp(t time.Time) time.Time {
	if t.Year() < 1678 || t.Year() > 2261 {
		return time.Unix(0, 0).UTC()
	}
	return t
}

func clock(t time.Time) time.Time {
	if t.UnixNano() == 0 {
		return time.Time{}
	}
	return t.UTC()
}

// guard turns a panic of the library into an error: it trusts the sizes that
// a damaged file states.
func guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it is damaged: %v", p)
		}
	}()
	return f()
}

// maxParquet bounds a file that is read: its index lies at its end, so it is
// held whole.
const maxParquet = 1 << 30 // B

// rowsAtOnce is how many rows are decoded together.
const rowsAtOnce = 512

func readParquet(r io.Reader, o Origin, each func(*bench.Result) error) error {
	b, err := io.ReadAll(io.LimitReader(r, maxParquet+1))
	if err != nil {
		return fmt.Errorf("%s: %w", o.Name, err)
	}
	if len(b) > maxParquet {
		return fmt.Errorf("%s: it is larger than %d MB", o.Name, maxParquet>>20)
	}
	var in *parquet.GenericReader[Row]
	err = guard(func() error {
		file, err := parquet.OpenFile(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return fmt.Errorf("it is no Parquet file or a damaged one: %w", err)
		}
		if err := knows(file); err != nil {
			return err
		}
		in = parquet.NewGenericReader[Row](file)
		return nil
	})
	if err != nil {
		return fmt.Errorf("%s: %w", o.Name, err)
	}
	defer in.Close()
	g := newGatherer("imported from Parquet, which holds no A/A control and no condition but the governor", each)
	for at := 1; ; {
		rows := make([]Row, rowsAtOnce) // each run keeps its samples: no row is used again
		n := 0
		err := guard(func() (err error) { n, err = in.Read(rows); return err })
		for i := range rows[:n] {
			rows[i].Started, rows[i].Ended = clock(rows[i].Started), clock(rows[i].Ended)
			if err := g.add(&rows[i]); err != nil {
				return fmt.Errorf("%s: row %d: %w", o.Name, at+i, err)
			}
		}
		at += n
		if errors.Is(err, io.EOF) {
			return g.end()
		}
		if err != nil {
			return fmt.Errorf("%s: row %d: %w", o.Name, at, err)
		}
	}
}

// knows refuses a file of other columns: they would be read as empty.
func knows(f *parquet.File) error {
	want := parquet.SchemaOf(Row{})
	have := map[string]bool{}
	for _, x := range f.Schema().Fields() {
		have[x.Name()] = true
	}
	for _, x := range want.Fields() {
		if !have[x.Name()] {
			return fmt.Errorf("column %q is missing: it is no export of assay", x.Name())
		}
		delete(have, x.Name())
	}
	for name := range have {
		return fmt.Errorf("column %q is unknown: it is an export of a newer assay", name)
	}
	return nil
}
