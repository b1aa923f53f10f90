package render_test

import (
	"context"
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"assay/reports/internal/browser"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

var shots = flag.String("shots", "", "folder to put screenshots of the reports in, to look at")

// TestChromium opens the reports in a real browser, at the width of a phone
// and of a desk, in light and dark.
func TestChromium(t *testing.T) {
	ctx := browser.Start(t)
	dir := t.TempDir()
	pages := htmlReports(t)
	pages["hostile"] = htmlOf(t, poison(hostile[0]+strings.Repeat("long", 60)))
	for name, page := range pages {
		file := filepath.Join(dir, name+".html")
		if err := os.WriteFile(file, page, 0o644); err != nil {
			t.Fatal(err)
		}
		address := (&url.URL{Scheme: "file", Path: file}).String()
		for _, width := range []int64{390, 1280} {
			for _, scheme := range []string{"light", "dark"} {
				if name == "hostile" && scheme == "dark" {
					continue // names change no colour
				}
				t.Run(fmt.Sprintf("%s/%d/%s", name, width, scheme), func(t *testing.T) {
					browser.Open(t, ctx, address, browser.Look{Width: width, Scheme: scheme, Shots: *shots})
				})
			}
		}
	}
	t.Run("links", func(t *testing.T) { followLink(t, ctx, filepath.Join(dir, "run.html")) })
	t.Run("marks", func(t *testing.T) { followMark(t, ctx, filepath.Join(dir, "run.html")) })
}

// followLink clicks on a case of the table, and expects its details to open.
func followLink(t *testing.T, chromium context.Context, file string) {
	ctx := browser.Tab(t, chromium)
	const id = "case-fashion-mnist.resnet8.int8-qdq.native"
	open := fmt.Sprintf(`document.getElementById(%q).closest('details').open`, id)
	if err := chromedp.Do(ctx, chromedp.Navigate((&url.URL{Scheme: "file", Path: file}).String())); err != nil {
		t.Fatal(err)
	}
	if before, err := chromedp.Run(ctx, chromedp.Evaluate[bool](open)); err != nil || before {
		t.Fatalf("before the click: open %t, %v", before, err)
	}
	link := chromedp.CSS(fmt.Sprintf(`table a[href="#%s"]`, id))
	if err := chromedp.Do(ctx, chromedp.Click(link)); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool](open, chromedp.WithPollingTimeout(30*time.Second))); err != nil {
		t.Errorf("the link does not open its case: %v", err)
	}
}

// place finds the first mark of the first plot that leads somewhere: its place
// in the window and where it leads.
const place = `(() => {
  const plot = document.querySelector('.chart'), chart = echarts.getInstanceByDom(plot);
  plot.scrollIntoView({block: 'center'});
  const i = chart.getOption().series.findIndex(s => s.data[0]?.link), mark = chart.getOption().series[i].data[0];
  const [x, y] = chart.convertToPixel({seriesIndex: i}, mark.value), box = plot.getBoundingClientRect();
  return {X: box.left + x, Y: box.top + y, Link: mark.link, Tip: mark.name};
})()`

// followMark points at a mark, and expects its words; clicks on it, and expects
// its case to open.
func followMark(t *testing.T, chromium context.Context, file string) {
	ctx := browser.Tab(t, chromium)
	err := chromedp.Do(ctx, chromedp.Navigate((&url.URL{Scheme: "file", Path: file}).String()))
	if err == nil {
		_, err = chromedp.Run(ctx, chromedp.Poll[bool](`document.querySelector('.chart svg') !== null`, chromedp.WithPollingTimeout(30*time.Second)))
	}
	if err != nil {
		t.Fatal(err)
	}
	mark, err := chromedp.Run(ctx, chromedp.Evaluate[struct {
		X, Y      float64
		Link, Tip string
	}](place))
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []input.DispatchMouseEventType{input.DispatchMouseEventTypeMouseMoved, input.DispatchMouseEventTypeMousePressed, input.DispatchMouseEventTypeMouseReleased} {
		p := input.DispatchMouseEventParams{Type: kind, X: mark.X, Y: mark.Y}
		if kind != input.DispatchMouseEventTypeMouseMoved {
			p.Button, p.ClickCount = input.MouseButtonLeft, 1
		}
		if _, err := chromedp.Call(ctx, input.DispatchMouseEvent, p); err != nil {
			t.Fatal(err)
		}
		if kind == input.DispatchMouseEventTypeMouseMoved {
			if _, err := chromedp.Run(ctx, chromedp.Poll[bool](fmt.Sprintf(`document.querySelector('.chart').innerText.includes(%q)`, mark.Tip), chromedp.WithPollingTimeout(30*time.Second))); err != nil {
				t.Errorf("the mark does not say %q: %v", mark.Tip, err)
			}
		}
	}
	open := fmt.Sprintf(`location.hash === %q && document.querySelector(location.hash.replaceAll('.', '\\.')).closest('details').open`, mark.Link)
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool](open, chromedp.WithPollingTimeout(30*time.Second))); err != nil {
		t.Errorf("the mark does not lead to %s: %v", mark.Link, err)
	}
}
