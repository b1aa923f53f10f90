package render_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"assay/bench"
	"assay/reports"
	"assay/reports/internal/example"
	"assay/reports/render"
)

// wide is the example with n times as many models, each with a doubt.
func wide(n int) *bench.Result {
	r := example.Result()
	r.Groups = nil
	for i := range n {
		for _, g := range example.Result().Groups[:2] {
			g.Model = fmt.Sprintf("%s-%d", g.Model, i)
			g.Doubts = []string{strings.Repeat("the hypervisor stole time ", 20)}
			for j := range g.Cases {
				g.Cases[j].Model = g.Model
			}
			r.Groups = append(r.Groups, g)
		}
	}
	return r
}

// TestMarkdownFits makes comments of runs and comparisons of any size: within
// GitHub's 65,536 characters, verdict first, failures before passes, folds
// closed, and saying what is left out.
func TestMarkdownFits(t *testing.T) {
	for _, n := range []int{1, 20, 60, 200} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			r := wide(n)
			var run, compared bytes.Buffer
			if err := render.Render(&run, "markdown", r, render.Options{}); err != nil {
				t.Fatal(err)
			}
			other := wide(n)
			other.Run = "91b07cc2d35e4f10"
			for i := range other.Groups {
				c := &other.Groups[i].Cases[1]
				for k := range c.Samples {
					for l := range c.Samples[k].Values {
						c.Samples[k].Values[l] *= 1.2
					}
				}
			}
			c, err := reports.Compare(r, other)
			if err != nil {
				t.Fatal(err)
			}
			if err := render.Comparison(&compared, "markdown", c, render.Options{}); err != nil {
				t.Fatal(err)
			}
			for name, text := range map[string]string{"run": run.String(), "comparison": compared.String()} {
				if size := utf8.RuneCountInString(text); size > 65536 {
					t.Errorf("%s: %d characters", name, size)
				}
				if !strings.HasPrefix(text, "**") {
					t.Errorf("%s begins with %q", name, text[:40])
				}
				if opened, closed := strings.Count(text, "<details>"), strings.Count(text, "</details>"); opened != closed || opened == 0 {
					t.Errorf("%s: %d folds opened, %d closed", name, opened, closed)
				}
				if left := strings.Contains(text, "left out"); left != (n >= 60) && name == "run" {
					t.Errorf("%s of %d: left out is %t", name, n, left)
				}
			}
			if fails := strings.Count(run.String(), "**FAIL**"); n <= 60 && fails < min(2*n, 60) {
				t.Errorf("%d of %d fails are shown", fails, 2*n)
			}
		})
	}
}

// TestMarkdownMentionsNobody keeps names from calling people.
func TestMarkdownMentionsNobody(t *testing.T) {
	r := example.Result()
	r.Groups[0].Cases[1].Variant = "@octocat (@octocat)"
	var buf bytes.Buffer
	if err := render.Render(&buf, "markdown", r, render.Options{}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(buf.String(), "@octocat") {
		t.Error("a name is a mention")
	}
	if !strings.Contains(buf.String(), "onnxruntime@1.30.0") {
		t.Error("a build is torn apart")
	}
}

// TestMarkdownNothingChanged says so where nothing did.
func TestMarkdownNothingChanged(t *testing.T) {
	a, b := example.Result(), example.Result()
	b.Run = "91b07cc2d35e4f10"
	a.Groups, b.Groups = a.Groups[:1], b.Groups[:1]
	for _, r := range []*bench.Result{a, b} {
		r.Groups[0].Cases = r.Groups[0].Cases[2:5] // those with an interval below one percent
	}
	c, err := reports.Compare(a, b)
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if err := render.Comparison(&buf, "markdown", c, render.Options{}); err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(buf.String(), "<details>")
	if !strings.Contains(head, "Nothing changed beyond doubt.") || strings.Contains(head, "|") {
		t.Errorf("before the first fold stands %q", head)
	}
}
