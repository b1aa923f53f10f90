package render_test

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"assay/bench"
	"assay/bench/verdict"
	"assay/reports"
	"assay/reports/internal/example"
	"assay/reports/render"
)

// hostile names end an attribute, an element, a script, a style and the text
// of a plot.
var hostile = []string{
	`"><script>alert(1)</script>`, `</style><script>alert(1)</script>`, `</svg></title><img src=x onerror=alert(1)>`, `' onload='alert(1)`,
	`{{.}}`, `<text x="0">`, `style="fill:#010002"`, "javascript:alert(1)", `<!--`, `]]>`, "\x00\xff\u202eabc", strings.Repeat("長", 300),
}

// poison puts s wherever a suite file, a model, an engine or a store can.
func poison(s string) *bench.Result {
	r := example.WithEnergy(example.Result(), meterOfTests)
	r.Run, r.Suite, r.Accuracy, r.Partial, r.Version, r.Schema = s, s, s, s, s, s
	r.Labels, r.Warnings, r.Device.Facts = map[string]string{s: s}, []string{s}, map[string]string{s: s}
	r.Device.Name, r.Device.CPU, r.Device.Board, r.Device.Kernel, r.Device.Class, r.Device.Features = s, s, s, s, s, []string{s}
	r.Before.Governor, r.After.Notes, r.After.Celsius = s, []string{s}, map[string]float64{s: 50}
	r.Engines[0].Name, r.Engines[0].Build, r.Engines[0].Settings = s, s, map[string]string{s: s}
	for i := range r.Groups {
		g := &r.Groups[i]
		g.Task, g.Model, g.Engine, g.Build, g.Provider, g.Untrusted, g.Doubts = s, s, s, s, s, []string{s}, []string{s}
		if g.Energy != nil {
			g.Energy.Meter, g.Energy.Scope, g.Energy.Kind, g.Energy.Estimated, g.Energy.Notes = s, s, s, s, []string{s}
		}
		for j := range g.Cases {
			c := &g.Cases[j]
			c.Task, c.Model, c.Variant, c.Engine, c.Provider, c.Scenario, c.Reason = s, s, s+strconv.Itoa(j), s, s, s, s
			c.Notes, c.Settings, c.Missing = []string{s}, map[string]string{s: s}, map[string]string{"energy.net": s, s: s}
			c.Artifact.Path, c.Artifact.SHA256 = s, s
			for k := range c.Values {
				c.Values[k].Note, c.Values[k].Source = s, s
			}
			c.Verdicts = append(c.Verdicts, verdict.Verdict{Gate: s, Metric: s, Word: verdict.Word(s), Reason: s})
		}
	}
	return r
}

// elementsOf counts the elements of a page and collects their attributes'
// names: what text from outside must not change.
func elementsOf(t *testing.T, page []byte) map[string]int {
	out := map[string]int{}
	for _, n := range elements(parse(t, page), "") {
		for _, a := range n.Attr {
			out["@"+a.Key]++
		}
		out[n.Data]++
	}
	return out
}

// sameElements expects the elements and attributes of a page whose names are
// harmless.
func sameElements(t *testing.T, name string, got, harmless []byte) {
	t.Helper()
	g, w := elementsOf(t, got), elementsOf(t, harmless)
	for _, e := range []string{"script", "img", "iframe", "@onload", "@onerror", "@src", "style", "title", "svg", "text", "table", "tr", "html"} {
		if g[e] != w[e] {
			t.Errorf("with the name %q: %d of %s, want %d", name, g[e], e, w[e])
		}
	}
}

func TestHTMLHostile(t *testing.T) {
	compared := func(s string) []byte {
		a, b := poison(s), poison(s)
		a.Schema, b.Schema, b.Run = bench.Schema, bench.Schema, b.Run+"2"
		for i := range a.Groups {
			a.Groups[i].Untrusted, b.Groups[i].Untrusted = nil, nil
		}
		c, err := reports.Compare(a, b)
		if err != nil {
			t.Fatal(err)
		}
		var buf bytes.Buffer
		if err := render.Comparison(&buf, "html", c, render.Options{}); err != nil {
			t.Fatal(err)
		}
		return buf.Bytes()
	}
	run, two := htmlOf(t, poison("x")), compared("x")
	for i, s := range hostile {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			sameElements(t, s, htmlOf(t, poison(s)), run)
			sameElements(t, s, compared(s), two)
		})
	}
}

func FuzzHTMLHostile(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	small := func(s string) *bench.Result {
		r := poison(s)
		r.Groups = r.Groups[:1]
		r.Groups[0].Cases = r.Groups[0].Cases[:2]
		return r
	}
	f.Fuzz(func(t *testing.T, s string) {
		// As a page shows it: without control characters.
		seen := strings.Map(func(c rune) rune {
			if unicode.IsControl(c) || unicode.Is(unicode.Cf, c) || unicode.IsSpace(c) {
				return -1
			}
			return c
		}, strings.ToValidUTF8(s, "?"))
		if len(s) > 4096 || seen == "" {
			t.Skip("texts are cut, and empty ones leave rows out")
		}
		sameElements(t, s, htmlOf(t, small(s)), htmlOf(t, small("x")))
	})
}
