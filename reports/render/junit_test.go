package render_test

import (
	"bytes"
	"encoding/xml"
	"testing"

	"assay/bench"
	"assay/bench/verdict"
	"assay/reports"
	"assay/reports/internal/example"
	"assay/reports/render"
)

// junitFile is what CI systems read of the file.
type junitFile struct {
	Tests    int `xml:"tests,attr"`
	Failures int `xml:"failures,attr"`
	Errors   int `xml:"errors,attr"`
	Skipped  int `xml:"skipped,attr"`
	Suites   []struct {
		Name  string `xml:"name,attr"`
		Cases []struct {
			Class   string `xml:"classname,attr"`
			Name    string `xml:"name,attr"`
			Failure *struct {
				Message string `xml:"message,attr"`
			} `xml:"failure"`
			Error *struct {
				Message string `xml:"message,attr"`
			} `xml:"error"`
			Skipped *struct{} `xml:"skipped"`
		} `xml:"testcase"`
	} `xml:"testsuite"`
}

// count holds the totals against the cases and returns how many there are.
func (f junitFile) count(t *testing.T) int {
	t.Helper()
	n, fails, errs, skips := 0, 0, 0, 0
	for _, s := range f.Suites {
		for _, c := range s.Cases {
			n++
			if c.Failure != nil {
				fails++
			}
			if c.Error != nil {
				errs++
			}
			if c.Skipped != nil {
				skips++
			}
		}
	}
	if n != f.Tests || fails != f.Failures || errs != f.Errors || skips != f.Skipped {
		t.Errorf("the totals %+v are not those of the cases: %d, %d, %d, %d", f, n, fails, errs, skips)
	}
	return n
}

func readJUnit(t *testing.T, r *bench.Result, against []verdict.Verdict) junitFile {
	t.Helper()
	var buf bytes.Buffer
	if err := render.JUnit(&buf, r, against); err != nil {
		t.Fatal(err)
	}
	var f junitFile
	if err := xml.Unmarshal(buf.Bytes(), &f); err != nil {
		t.Fatalf("%v in:\n%s", err, buf.String())
	}
	return f
}

// TestJUnitIsGreenAsTheGateIs holds the file against assay gate's exit code.
func TestJUnitIsGreenAsTheGateIs(t *testing.T) {
	only := func(words ...verdict.Verdict) *bench.Result {
		r := example.Result()
		r.Groups = r.Groups[:1]
		for i := range r.Groups[0].Cases {
			r.Groups[0].Cases[i].Verdicts = nil
		}
		r.Groups[0].Cases[1].Verdicts = words
		return r
	}
	v := func(w verdict.Word, optional bool) verdict.Verdict {
		return verdict.Verdict{Gate: "latency.p50 <= 0.8x", Metric: "latency.p50", Word: w, Optional: optional, Reason: "because"}
	}
	for name, c := range map[string]struct {
		r       *bench.Result
		against []verdict.Verdict
	}{
		"the example":          {example.Result(), nil},
		"passes":               {only(v(verdict.Pass, false)), nil},
		"fail":                 {only(v(verdict.Pass, false), v(verdict.Fail, false)), nil},
		"inconclusive":         {only(v(verdict.Pass, false), v(verdict.Inconclusive, false)), nil},
		"untrusted":            {only(v(verdict.Untrusted, false)), nil},
		"error":                {only(v(verdict.Error, false)), nil},
		"skip":                 {only(v(verdict.Pass, false), v(verdict.Skipped, false)), nil},
		"optional skip":        {only(v(verdict.Pass, false), v(verdict.Skipped, true)), nil},
		"nothing but that":     {only(v(verdict.Skipped, true)), nil},
		"no gates":             {only(), nil},
		"worse than before":    {only(v(verdict.Pass, false)), []verdict.Verdict{v(verdict.Fail, false)}},
		"as before":            {only(), []verdict.Verdict{v(verdict.Pass, false)}},
		"no groups":            {&bench.Result{}, nil},
		"undecided and before": {only(v(verdict.Pass, false)), []verdict.Verdict{v(verdict.Inconclusive, false)}},
	} {
		t.Run(name, func(t *testing.T) {
			all := append([]verdict.Verdict{}, c.against...)
			for _, g := range c.r.Groups {
				for _, x := range g.Cases {
					all = append(all, x.Verdicts...)
				}
			}
			f := readJUnit(t, c.r, c.against)
			if green, want := f.Failures+f.Errors == 0, verdict.ExitCode(all) == verdict.ExitPass; green != want {
				t.Errorf("green is %t, the gate exits %d", green, verdict.ExitCode(all))
			}
			if fail := verdict.ExitCode(all) == verdict.ExitFail; (f.Failures > 0) != fail {
				t.Errorf("%d failures, the gate exits %d", f.Failures, verdict.ExitCode(all))
			}
			n := f.count(t)
			if len(all) > 0 && n < len(all) {
				t.Errorf("%d test cases of %d verdicts", n, len(all))
			}
		})
	}
}

// TestJUnitAgainst gives the verdicts against an earlier run a suite of their
// own, with numbers in the message.
func TestJUnitAgainst(t *testing.T) {
	vs, err := reports.Against(later(), example.Result())
	if err != nil {
		t.Fatal(err)
	}
	f := readJUnit(t, later(), vs)
	last := f.Suites[len(f.Suites)-1]
	if len(last.Cases) != len(vs) {
		t.Fatalf("%d cases of %d verdicts", len(last.Cases), len(vs))
	}
	const want = "1.10x, wanted <= 1.05x"
	for _, c := range last.Cases {
		if c.Failure != nil && c.Failure.Message == want {
			return
		}
	}
	t.Errorf("no case says %q: %+v", want, last.Cases)
}
