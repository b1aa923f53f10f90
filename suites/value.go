package suites

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"assay/models/strict"
)

// A Word is a name with its place.
type Word struct {
	Text string
	At   strict.Pos
}

var wordPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]*$`)

// UnmarshalNode reads letters, digits, dots, dashes and plus signs.
func (w *Word) UnmarshalNode(n strict.Node) error {
	t, ok := n.Text()
	if !ok || !wordPattern.MatchString(t) {
		return n.Wrong("a name of letters, digits, dots and dashes")
	}
	*w = Word{t, n.Pos()}
	return nil
}

// A Label is a key and a value that a device carries, with its place.
type Label struct {
	Key, Value string
	At         strict.Pos
}

const labelPattern = `^[^=\s]+=[^=\s]+$`

var labelRegexp = regexp.MustCompile(labelPattern)

// UnmarshalNode reads key=value.
func (l *Label) UnmarshalNode(n strict.Node) error {
	t, ok := n.Text()
	if !ok || !labelRegexp.MatchString(t) {
		return n.Wrong("a label such as arch=amd64")
	}
	key, value, _ := strings.Cut(t, "=")
	*l = Label{key, value, n.Pos()}
	return nil
}

func (l Label) String() string { return l.Key + "=" + l.Value }

// A Duration is a time above 0 with its unit.
type Duration time.Duration

// maxDuration bounds a run: a week is longer than any night.
const maxDuration = 7 * 24 * time.Hour

const durationPattern = `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$`

// UnmarshalNode reads what time.ParseDuration does.
func (d *Duration) UnmarshalNode(n strict.Node) error {
	t, ok := n.Text()
	v, err := time.ParseDuration(t)
	switch {
	case !ok || err != nil:
		return n.Wrong("a duration with its unit (ms, s, m, h), such as 50ms or 5m")
	case v <= 0 || v > maxDuration:
		return n.Wrong(fmt.Sprintf("a duration above 0 and at most %v", maxDuration))
	}
	*d = Duration(v)
	return nil
}

func (d Duration) String() string { return shortDuration(time.Duration(d)) }

// shortDuration drops the zero units of Duration.String: 5m, not 5m0s.
func shortDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// A Precision is the wanted half-width of the interval of a ratio: one for all
// engines, or one by engine.
type Precision struct {
	All float64            // 0 where it is given by engine
	By  map[string]float64 // by engine
	at  map[string]strict.Pos
}

const percentPattern = `^[0-9]+(\.[0-9]+)?\s*%$`

var percentRegexp = regexp.MustCompile(percentPattern)

// UnmarshalNode reads 1% or {onnxruntime: 1%, native: 3%}.
func (p *Precision) UnmarshalNode(n strict.Node) error {
	if !n.IsMapping() {
		v, err := percent(n)
		p.All = v
		return err
	}
	fields, e := n.Fields()
	if e != nil {
		return e
	}
	p.By, p.at = map[string]float64{}, map[string]strict.Pos{}
	for _, f := range fields {
		v, err := percent(f.Value)
		if err != nil {
			return err
		}
		p.By[f.Key], p.at[f.Key] = v, f.At
	}
	return nil
}

// percent reads a share above 0 and at most a half.
func percent(n strict.Node) (float64, error) {
	t, ok := n.Text()
	if !ok || !percentRegexp.MatchString(t) {
		return 0, n.Wrong("a percentage such as 1%")
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(t, "%")), 64)
	if err != nil || v < 0.01 || v > 50 {
		return 0, n.Wrong("a percentage from 0.01% to 50%")
	}
	return v / 100, nil
}

func showPercent(v float64) string {
	return strconv.FormatFloat(math.Round(v*1e8)/1e6, 'g', -1, 64) + "%"
}

// Samples is how many test samples accuracy takes; 0 is all.
type Samples int

// maxSamples bounds Samples; no data set is larger.
const maxSamples = 1 << 31 / 2

// UnmarshalNode reads a count or the word all.
func (s *Samples) UnmarshalNode(n strict.Node) error {
	if t, _ := n.Text(); t == "all" {
		*s = 0
		return nil
	}
	v, err := n.Int()
	if err != nil || v < 1 || v > maxSamples {
		return n.Wrong("a number of samples, at least 1, or all")
	}
	*s = Samples(v)
	return nil
}

// UnmarshalNode reads a Run and holds its numbers to the bounds that the
// schema states.
func (r *Run) UnmarshalNode(n strict.Node) error {
	type plain Run
	var errs strict.Errors
	if err := n.Decode((*plain)(r)); err != nil && !errors.As(err, &errs) {
		return err
	}
	errs = append(errs, inBounds(n, r)...)
	if r.Trials != nil && r.MaxTrials != nil && *r.MaxTrials < *r.Trials {
		errs.Add(n.Get("max_trials").Pos().Errorf("max_trials is %d, below the %d trials", *r.MaxTrials, *r.Trials))
	}
	return errs.Err()
}
