package record

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"time"

	"assay/bench"
)

func init() {
	Register(Form{
		Name: "csv", Doc: "a row per run, case and metric, with a header; no samples",
		Write: func(w io.Writer) Writer { return &csvWriter{w: csv.NewWriter(w)} },
		Read:  readCSV,
	})
}

// A column of the flat form is a field of Row.
type column struct {
	name string
	at   int
}

// columns are those of CSV: the fields of Row but the nested ones.
var columns = func() []column {
	var out []column
	t := reflect.TypeFor[Row]()
	for i := range t.NumField() {
		if f := t.Field(i); f.Tag.Get("csv") != "-" {
			name, _, _ := strings.Cut(f.Tag.Get("parquet"), ",")
			out = append(out, column{name, i})
		}
	}
	return out
}()

type csvWriter struct {
	w    *csv.Writer
	head bool
}

func (c *csvWriter) Write(r *bench.Result) error {
	rows, err := Rows(r, false)
	if err != nil {
		return err
	}
	if err := c.header(); err != nil {
		return err
	}
	cells := make([]string, len(columns))
	for i := range rows {
		v := reflect.ValueOf(&rows[i]).Elem()
		for j, col := range columns {
			cells[j] = cell(v.Field(col.at).Interface())
		}
		if err := c.w.Write(cells); err != nil {
			return err
		}
	}
	return nil
}

func (c *csvWriter) header() error {
	if c.head {
		return nil
	}
	c.head = true
	names := make([]string, len(columns))
	for i, col := range columns {
		names[i] = col.name
	}
	return c.w.Write(names)
}

func (c *csvWriter) Close() error {
	if err := c.header(); err != nil {
		return err
	}
	c.w.Flush()
	return c.w.Error()
}

func cell(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	case *float64:
		if v == nil {
			return ""
		}
		return strconv.FormatFloat(*v, 'g', -1, 64)
	case time.Time:
		if v.IsZero() {
			return ""
		}
		return v.Format(time.RFC3339Nano)
	}
	return fmt.Sprint(v)
}

// readCSV reads the columns by the names in the header, in any order. Columns
// that it does not know are refused, not dropped; columns that are missing
// are empty.
func readCSV(r io.Reader, o Origin, each func(*bench.Result) error) error {
	in := csv.NewReader(r)
	in.ReuseRecord = true
	head, err := in.Read()
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: it is empty: the first line names the columns", o.Name)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", o.Name, err)
	}
	at, err := header(head)
	if err != nil {
		return fmt.Errorf("%s:1: %w", o.Name, err)
	}
	g := newGatherer("imported from CSV, which holds no samples, no A/A control and no condition but the governor", each)
	for {
		cells, err := in.Read()
		if errors.Is(err, io.EOF) {
			return g.end()
		}
		if err != nil {
			return fmt.Errorf("%s: %w", o.Name, err)
		}
		var x Row
		v := reflect.ValueOf(&x).Elem()
		for i, s := range cells {
			if err := setCell(v.Field(at[i].at), s); err != nil {
				line, col := in.FieldPos(i)
				return fmt.Errorf("%s:%d:%d: %s: %w", o.Name, line, col, at[i].name, err)
			}
		}
		if err := g.add(&x); err != nil {
			line, _ := in.FieldPos(0)
			return fmt.Errorf("%s:%d: %w", o.Name, line, err)
		}
	}
}

// header finds the columns that a file's first line names.
func header(names []string) ([]column, error) {
	var out []column
	seen := map[string]bool{}
	for _, name := range names {
		name = strings.TrimPrefix(name, "\ufeff") // spreadsheets write a byte order mark
		found := false
		for _, c := range columns {
			if c.name == name && !seen[name] {
				out, found = append(out, c), true
			}
		}
		if !found {
			return nil, fmt.Errorf("column %.60q is unknown or given twice (have %s)", name, strings.Join(columnNames(), ", "))
		}
		seen[name] = true
	}
	for _, name := range []string{"run", "device", "model", "variant", "engine", "status", "metric", "value", "low", "high"} {
		if !seen[name] {
			return nil, fmt.Errorf("column %q is missing", name)
		}
	}
	return out, nil
}

func columnNames() []string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = c.name
	}
	return out
}

func setCell(f reflect.Value, s string) error {
	switch p := f.Addr().Interface().(type) {
	case *string:
		*p = s
	case *int64:
		if s == "" {
			return nil
		}
		v, err := strconv.ParseInt(s, 10, 32)
		if err != nil {
			return fmt.Errorf("%.60q is not a whole number", s)
		}
		*p = v
	case **float64:
		if s == "" {
			return nil
		}
		v, err := strconv.ParseFloat(s, 64)
		if err != nil || !finite(v) {
			return fmt.Errorf("%.60q is not a finite number", s)
		}
		*p = &v
	case *time.Time:
		if s == "" {
			return nil
		}
		v, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			return fmt.Errorf("%.60q is not a time as 2006-01-02T15:04:05Z", s)
		}
		*p = v.UTC()
	}
	return nil
}
