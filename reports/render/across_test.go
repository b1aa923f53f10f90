package render_test

import (
	"bytes"
	"strings"
	"testing"

	"assay/bench"
	"assay/reports"
	"assay/reports/internal/example"
	"assay/reports/render"
)

// TestAcross: every device has its row, flips are told against the baseline
// device, and the table fits its width.
func TestAcross(t *testing.T) {
	var runs []*bench.Result
	for i, name := range []string{"orin", "pi"} {
		r := example.Result()
		r.Run, r.Device.ID, r.Device.Name, r.Device.Class = name, name, name, "class-"+name
		classes := make([]int, 10_000)
		classes[0] = i
		r.Groups[0].Cases[0].Answers = &bench.Answers{Set: "s", Classes: classes, Outputs: [][]float32{{float32(i) / 512}}}
		runs = append(runs, r)
	}
	for _, width := range []int{80, 120, 200} {
		var buf bytes.Buffer
		if err := render.Across(&buf, reports.SideBySide(runs, ""), render.Options{Width: width}); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"resnet8 · side by side", "int8-qdq", "reference", "1 in 10,000", "orin", "pi"} {
			if !strings.Contains(buf.String(), want) {
				t.Errorf("at %d columns it lacks %q:\n%s", width, want, buf.String())
			}
		}
		if width == 200 && !strings.Contains(buf.String(), "0.002") {
			t.Errorf("it lacks the largest difference:\n%s", buf.String())
		}
		for l := range strings.Lines(buf.String()) {
			if n := len([]rune(strings.TrimRight(l, "\n"))); n > width {
				t.Errorf("%d columns of %d: %s", n, width, l)
			}
		}
	}
}
