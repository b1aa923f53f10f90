package render

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"assay/bench"
	"assay/bench/metric"
	"assay/bench/verdict"
)

// Bounds of a result read from outside: far above any real run, far below
// what would hurt.
const (
	maxJSON   = 256 << 20 // B
	maxGroups = 10_000
	maxCases  = 100_000 // of all groups
)

// ReadJSON reads the JSON form of a result, with or without its rows, and
// checks what the rest of the program relies on. Keys that it does not know
// are ignored: within one schema version keys are only ever added.
func ReadJSON(r io.Reader) (*bench.Result, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxJSON+1))
	if err != nil {
		return nil, fmt.Errorf("read result: %w", err)
	}
	if len(b) > maxJSON {
		return nil, fmt.Errorf("read result: it is larger than %d MB", maxJSON>>20)
	}
	var head struct {
		Schema string `json:"schema"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return nil, fmt.Errorf("read result: %w", place(b, err))
	}
	if head.Schema != bench.Schema {
		return nil, fmt.Errorf("read result: schema %q, this program reads %q", clip(head.Schema, 60), bench.Schema)
	}
	var res bench.Result
	if err := json.Unmarshal(b, &res); err != nil {
		return nil, fmt.Errorf("read result: %w", place(b, err))
	}
	if err := check(&res); err != nil {
		return nil, fmt.Errorf("read result: %w", err)
	}
	return &res, nil
}

// place adds line and column to an error of encoding/json.
func place(b []byte, err error) error {
	var at int64
	var syn *json.SyntaxError
	var typ *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syn):
		at = syn.Offset
	case errors.As(err, &typ):
		at = typ.Offset
	default:
		return err
	}
	before := string(b[:min(max(at, 0), int64(len(b)))])
	line := 1 + strings.Count(before, "\n")
	col := len(before) - strings.LastIndexByte(before, '\n') - 1
	return fmt.Errorf("%d:%d: %w", line, max(col, 1), err)
}

func check(r *bench.Result) error {
	if r.Run == "" || len(r.Run) > 128 || strings.ContainsFunc(r.Run, func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
		return fmt.Errorf("run %q is not an id (1 to 128 printable ASCII characters)", clip(r.Run, 60))
	}
	if len(r.Groups) > maxGroups {
		return fmt.Errorf("%d groups, at most %d can be read", len(r.Groups), maxGroups)
	}
	total := 0
	for i := range r.Groups {
		g := &r.Groups[i]
		at := fmt.Sprintf("groups[%d]", i)
		if total += len(g.Cases); total > maxCases {
			return fmt.Errorf("%s: more than %d cases", at, maxCases)
		}
		if g.AA != nil {
			if err := checkEstimate(g.AA.Ratio); err != nil {
				return fmt.Errorf("%s.aa: %w", at, err)
			}
		}
		if g.Energy != nil && g.Energy.AA != nil {
			if err := checkEstimate(g.Energy.AA.Ratio); err != nil {
				return fmt.Errorf("%s.energy.aa: %w", at, err)
			}
		}
		for j := range g.Cases {
			if err := checkCase(&g.Cases[j]); err != nil {
				return fmt.Errorf("%s.cases[%d]: %w", at, j, err)
			}
		}
	}
	return nil
}

func checkCase(c *bench.CaseResult) error {
	if c.Model == "" || c.Variant == "" || c.Engine == "" {
		return errors.New("a case needs model, variant and engine")
	}
	switch c.Status {
	case bench.OK, bench.Errored, bench.Skipped:
	default:
		return fmt.Errorf("unknown status %q (have ok, error, skipped)", clip(string(c.Status), 60))
	}
	for _, list := range [][]metric.Estimate{c.Values, c.Against} {
		seen := map[string]bool{}
		for _, e := range list {
			if err := checkEstimate(e); err != nil {
				return err
			}
			if seen[e.Metric] {
				return fmt.Errorf("metric %q is given twice", clip(e.Metric, 60))
			}
			seen[e.Metric] = true
		}
	}
	for _, v := range c.Verdicts {
		switch v.Word {
		case verdict.Pass, verdict.Fail, verdict.Inconclusive, verdict.Untrusted, verdict.Error, verdict.Skipped:
		default:
			return fmt.Errorf("gate %q: unknown verdict %q", clip(v.Gate, 60), clip(string(v.Word), 60))
		}
	}
	return nil
}

func checkEstimate(e metric.Estimate) error {
	if e.Metric == "" {
		return errors.New("an estimate has no metric")
	}
	if e.Low > e.High {
		return fmt.Errorf("%s: low %g is above high %g", clip(e.Metric, 60), e.Low, e.High)
	}
	if e.N < 0 || e.Needed < 0 {
		return fmt.Errorf("%s: n and needed cannot be negative", clip(e.Metric, 60))
	}
	return nil
}

// clip shortens text from outside for a message.
func clip(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n]) + "…"
	}
	return s
}
