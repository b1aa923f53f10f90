package render_test

import (
	"bytes"
	"math"
	"testing"

	"assay/bench"
	"assay/reports"
	"assay/reports/internal/example"
	"assay/reports/render"
)

func TestEnergyGoldens(t *testing.T) {
	for _, c := range []struct {
		file, format string
		o            render.Options
	}{
		{"energy-120.txt", "table", render.Options{Width: 120}},
		{"energy-80.txt", "table", render.Options{Width: 80}},
		{"energy-details.txt", "table", render.Options{Width: 120, Details: true}},
		{"energy.md", "markdown", render.Options{}},
		{"energy.bench", "gobench", render.Options{}},
		{"energy.json", "json", render.Options{}},
	} {
		t.Run(c.file, func(t *testing.T) {
			r := example.WithEnergy(example.Result(), "rapl (package)")
			if c.format == "json" || c.format == "gobench" {
				r = small(r)
			}
			var buf bytes.Buffer
			if err := render.Render(&buf, c.format, r, c.o); err != nil {
				t.Fatal(err)
			}
			golden(t, c.file, buf.Bytes())
			if c.format == "json" {
				back, err := render.ReadJSON(&buf)
				if err != nil || back.Groups[0].Energy.Meter != r.Groups[0].Energy.Meter || back.Groups[0].Energy.AA == nil {
					t.Errorf("read back: %v", err)
				}
			}
		})
	}
}

// TestEnergyAsked: where there was no meter, the table says so once and why.
func TestEnergyAsked(t *testing.T) {
	r := small(example.Result())
	for i := range r.Groups[0].Cases {
		r.Groups[0].Cases[i].Missing = map[string]string{"energy.net": "no energy meter: unsupported operation on this device"}
	}
	var buf bytes.Buffer
	if err := render.Render(&buf, "table", r, render.Options{Width: 120}); err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(buf.Bytes(), []byte("energy not measured: no energy meter")); n != 1 {
		t.Errorf("said %d times:\n%s", n, buf.String())
	}
}

// TestEnergyHistory: a series names what measured it.
func TestEnergyHistory(t *testing.T) {
	h := &reports.History{}
	for i, source := range []string{"rapl (package)", "shelly (wall)"} {
		r := example.WithEnergy(example.Result(), source)
		r.Run = []string{"a", "b"}[i]
		c := &r.Groups[0].Cases[0]
		e, _ := c.Value("energy.net")
		h.Points = append(h.Points, reports.Point{Run: r.Run, Started: r.Started, Series: reports.SeriesOf(&c.Case, e, r.Device.ID), Device: r.Device.ID, Model: c.Model, Variant: c.Variant, Engine: c.Engine, Value: e, Trusted: true})
	}
	f, err := render.Lookup("table")
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if err := f.History(&buf, h, render.Options{Width: 120}); err != nil {
		t.Fatal(err)
	}
	golden(t, "energy-history.txt", buf.Bytes())
}

// TestEnergyBroken: a control that is no number is left out, and refused.
func TestEnergyBroken(t *testing.T) {
	r := small(example.WithEnergy(example.Result(), "rapl (package)"))
	r.Groups[0].Energy.AA.Ratio.Low = 2
	b, err := render.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := render.ReadJSON(bytes.NewReader(b)); err == nil || !bytes.Contains([]byte(err.Error()), []byte("groups[0].energy.aa")) {
		t.Errorf("got %v", err)
	}
	r.Groups[0].Energy.AA.Ratio.High = math.Inf(1)
	if b, err = render.Marshal(r); err != nil {
		t.Fatal(err)
	}
	var back *bench.Result
	if back, err = render.ReadJSON(bytes.NewReader(b)); err != nil || back.Groups[0].Energy.AA != nil || r.Groups[0].Energy.AA == nil {
		t.Errorf("not finite: %v, %+v", err, back)
	}
}
