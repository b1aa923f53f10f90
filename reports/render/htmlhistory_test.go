package render_test

import (
	"bytes"
	"strings"
	"testing"

	"assay/reports"
	"assay/reports/internal/example"
	"assay/reports/render"
)

func historyPage(t *testing.T, c *reports.Course, page func(run string) string) []byte {
	t.Helper()
	var buf bytes.Buffer
	err := render.Course(&buf, c, render.CourseOptions{Suite: "nightly", Page: page})
	if err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestHistoryPage(t *testing.T) {
	page := string(historyPage(t, example.Course(), func(run string) string { return run + ".html" }))
	for _, want := range []string{
		"<h1><span class=\"worse\">1 worse</span>",
		"9 % slower (7 to 11 %), measured again: 8.8 % ±1 %",
		"What changed then: assay: 0.1.0 → 0.2.0",
		"<h2>amd64-amd-epyc-2c · 1 device</h2>",
		"<h2>rpi5 · 1 device</h2>",
		"2 · 2026-11-08 · governor: performance → schedutil · a new level of every series begins",
		"1 · 2026-11-02 · onnxruntime: 1.29.0 → 1.30.0",
		"level from 2026-11-12: worse",
		"level from 2026-11-08: another condition: governor: performance → schedutil",
		`href="2200000000000001.html#case-fashion-mnist.resnet8.int8-qdq.native"`,
		"2 devices · 60 runs · 2026-10-21 to 2026-11-19 UTC",
		"assay report --history --suite nightly",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if first, class := strings.Index(page, "9 % slower"), strings.Index(page, "<h2>amd64"); first > class {
		t.Error("what is worse does not come first")
	}
	for _, id := range strings.Split(page, `href="#`)[1:] {
		id, _, _ = strings.Cut(id, `"`)
		if !strings.Contains(page, `id="`+id+`"`) {
			t.Errorf("a link leads nowhere: #%s", id)
		}
	}
}

// TestClassPages follows the links of a history with a page for each class.
func TestClassPages(t *testing.T) {
	c := example.Course()
	write := func(c *reports.Course, o render.CourseOptions) string {
		var buf bytes.Buffer
		if err := render.Course(&buf, c, o); err != nil {
			t.Fatal(err)
		}
		return buf.String()
	}
	first := write(c, render.CourseOptions{Class: func(class string) string { return class + ".html" }})
	pages := map[string]string{}
	for _, x := range c.Classes() {
		class := x.Devices[0].Class
		pages[class+".html"] = write(x, render.CourseOptions{Home: "history.html"})
		if !strings.Contains(first, `<a href="`+class+`.html">`+class+`</a>: 1 device`) {
			t.Errorf("no way to %s", class)
		}
	}
	if len(pages) != 2 || strings.Contains(first, `class="spark"`) || !strings.Contains(first, "9 % slower") {
		t.Errorf("%d pages of classes; the first has their tables, or not what changed", len(pages))
	}
	followed := 0
	for _, link := range strings.Split(first, `href="`)[1:] {
		link, _, _ = strings.Cut(link, `"`)
		file, id, ok := strings.Cut(link, "#")
		if !ok {
			continue
		}
		followed++
		if !strings.Contains(pages[file], `id="`+id+`"`) {
			t.Errorf("%s leads nowhere", link)
		}
	}
	worse := 0
	for file, page := range pages {
		if strings.Contains(page, "9 % slower") {
			worse++
		}
		if !strings.Contains(page, `<a href="history.html">`) {
			t.Errorf("no way back from %s", file)
		}
	}
	if followed == 0 || worse != 1 {
		t.Errorf("%d links to cases; what is worse stands on %d pages of classes, want its own", followed, worse)
	}
}

func TestEmptyHistoryPage(t *testing.T) {
	page := string(historyPage(t, &reports.Course{}, nil))
	if !strings.Contains(page, "nothing to report") || !strings.Contains(page, "No stored run fits.") {
		t.Errorf("an empty history is\n%s", page)
	}
	one := &reports.Course{}
	r := example.Result()
	one.Add(r, r.Ended)
	one.Mark()
	if page := string(historyPage(t, one, nil)); !strings.Contains(page, "1 device · 1 run ·") || !strings.Contains(page, `class="spark"`) {
		t.Error("a history of one run has no sparkline of one point")
	}
}

func TestHostileHistory(t *testing.T) {
	const bad = `"><script>alert(1)</script>`
	c := &reports.Course{}
	for i, r := range example.Nights(2, 1) {
		r.Device.Name, r.Device.Class, r.Version = bad, bad, bad+string(rune('0'+i))
		for g := range r.Groups {
			for k := range r.Groups[g].Cases {
				r.Groups[g].Cases[k].Model = bad
			}
		}
		c.Add(r, r.Ended)
	}
	c.Mark(reports.Failing{Course: c})
	c.Marks = append(c.Marks, reports.Mark{Series: c.Devices[0].Cases[0].Series[0].Key, Word: bad, Text: bad, Begin: bad, Causes: []string{bad}}, reports.Mark{Series: "nosuch", Word: "worse"})
	if page := string(historyPage(t, c, nil)); strings.Contains(page, "<script>alert") || strings.Count(page, "<script>") != 1 {
		t.Error("a name becomes part of the page")
	}
}
