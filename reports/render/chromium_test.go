package render_test

import (
	"context"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

var shots = flag.String("shots", "", "folder to put screenshots of the reports in, to look at")

// browser starts Chromium, without a network of its own and with a fresh
// profile, and ends it with the test.
func browser(t *testing.T) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		t.Skip("no Chromium on PATH: install it (Debian's package chromium; make browser as root) to test the HTML report in it")
	}
	opts := []chromedp.ExecAllocatorOption{chromedp.ExecPath(path)} // its profile is a fresh folder that chromedp makes and removes
	for _, f := range []string{"headless", "no-sandbox", "disable-gpu", "no-first-run", "disable-background-networking", "disable-component-update", "disable-sync", "hide-scrollbars", "disable-dev-shm-usage"} {
		opts = append(opts, chromedp.Flag(f, true))
	}
	ctx, end := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(end) // waits until the browser has ended
	ctx, cancel := chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return ctx
}

// A console gathers what a page complains of and asks for.
type console struct {
	sync.Mutex
	said, asked []string
}

func (c *console) listen(ctx context.Context) error {
	return chromedp.Listen(ctx, func(ev any) {
		c.Lock()
		defer c.Unlock()
		switch ev := ev.(type) {
		case *runtime.EventConsoleAPICalled:
			c.said = append(c.said, fmt.Sprintf("console.%s", ev.Type))
		case *runtime.EventExceptionThrown:
			c.said = append(c.said, ev.ExceptionDetails.Text)
		case *log.EventEntryAdded:
			c.said = append(c.said, fmt.Sprintf("%s: %s", ev.Entry.Level, ev.Entry.Text))
		case *network.EventRequestWillBeSent:
			if u := ev.Request.URL; !strings.HasPrefix(u, "data:") {
				c.asked = append(c.asked, u)
			}
		}
	})
}

// layout is what a page measures of itself in the browser.
type layout struct {
	Page, Window float64  // width of the content and of the window
	Dark         bool     // what the page was asked for
	Paper        string   // the background it has
	Cut          []string // texts of plots that reach outside their plot
	Small        []string // texts of plots below 9 px
	Wide         []string // elements that reach outside the window, and are not in a box that scrolls
	Overlap      []string // texts of one plot that cover each other
}

const measureLayout = `(() => {
  const out = {Page: document.documentElement.scrollWidth, Window: window.innerWidth, Dark: matchMedia('(prefers-color-scheme: dark)').matches,
    Paper: getComputedStyle(document.body).backgroundColor, Cut: [], Small: [], Wide: [], Overlap: []};
  for (const d of document.querySelectorAll('details')) d.open = true;
  for (const svg of document.querySelectorAll('svg')) {
    const s = svg.getBoundingClientRect(), boxes = [];
    for (const t of svg.querySelectorAll('text')) {
      const b = t.getBoundingClientRect(), name = t.textContent + ' of ' + svg.getAttribute('aria-label').slice(0, 40);
      if (b.left < s.left - 1 || b.right > s.right + 1 || b.top < s.top - 1 || b.bottom > s.bottom + 1) out.Cut.push(name);
      const size = parseFloat(getComputedStyle(t).fontSize) * s.width / svg.viewBox.baseVal.width;
      if (size < 9) out.Small.push(name + ': ' + size.toFixed(1) + ' px');
      for (const o of boxes) {
        const w = Math.min(o.right, b.right) - Math.max(o.left, b.left), h = Math.min(o.bottom, b.bottom) - Math.max(o.top, b.top);
        if (w > 2 && h > 6) out.Overlap.push(name);
      }
      boxes.push(b);
    }
  }
  for (const e of document.querySelectorAll('body *')) {
    if (e.closest('.scroll, .hidden, svg, thead')) continue;
    const b = e.getBoundingClientRect();
    if (b.width > 0 && (b.right > window.innerWidth + 1 || b.left < -1)) out.Wide.push(e.tagName + ' ' + e.textContent.slice(0, 40));
  }
  out.Page = Math.max(out.Page, document.documentElement.scrollWidth);
  return out;
})()`

// TestChromium opens the reports in a real browser, at the width of a phone
// and of a desk, in light and dark.
func TestChromium(t *testing.T) {
	ctx := browser(t)
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
				t.Run(fmt.Sprintf("%s/%d/%s", name, width, scheme), func(t *testing.T) { openPage(t, ctx, address, width, scheme) })
			}
		}
	}
	t.Run("links", func(t *testing.T) { followLink(t, ctx, filepath.Join(dir, "run.html")) })
}

func openPage(t *testing.T, browser context.Context, address string, width int64, scheme string) {
	ctx, cancel := chromedp.NewContext(browser) // a tab of its own
	defer cancel()
	ctx, stop := context.WithTimeout(ctx, 2*time.Minute)
	defer stop()
	var seen console
	viewport := []chromedp.EmulateViewportOption{}
	if width < 500 {
		viewport = append(viewport, chromedp.EmulateMobile)
	}
	err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 844, viewport...))
	if err == nil {
		err = seen.listen(ctx)
	}
	if err == nil {
		_, err = chromedp.Call(ctx, network.Enable, network.EnableParams{})
	}
	if err == nil {
		features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}
		_, err = chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
	}
	if err == nil {
		err = chromedp.Do(ctx, chromedp.Navigate(address))
	}
	if err != nil {
		t.Fatal(err)
	}
	l, err := chromedp.Run(ctx, chromedp.Evaluate[layout](measureLayout))
	if err != nil {
		t.Fatal(err)
	}
	if *shots != "" {
		shoot(t, ctx)
	}
	seen.Lock()
	defer seen.Unlock()
	if len(seen.said) > 0 {
		t.Errorf("the console says: %q", seen.said)
	}
	if want := []string{address}; !slices.Equal(seen.asked, want) {
		t.Errorf("the page asks for %q, want %q alone", seen.asked, want)
	}
	if l.Window != float64(width) || l.Page > l.Window {
		t.Errorf("the page is %g wide in a window of %g: %q", l.Page, l.Window, l.Wide)
	}
	if l.Dark != (scheme == "dark") || (l.Paper == "rgb(255, 255, 255)") == l.Dark {
		t.Errorf("asked for %s, the page's background is %s", scheme, l.Paper)
	}
	for what, texts := range map[string][]string{"cut off": l.Cut, "too small": l.Small, "over another": l.Overlap} {
		if len(texts) > 0 {
			t.Errorf("text of plots is %s: %q", what, texts[:min(len(texts), 5)])
		}
	}
}

// shoot keeps a picture of the whole page, with everything unfolded.
func shoot(t *testing.T, ctx context.Context) {
	shot, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err == nil {
		name := strings.ReplaceAll(strings.TrimPrefix(t.Name(), "TestChromium/"), "/", "-") + ".png"
		err = os.WriteFile(filepath.Join(*shots, name), shot, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// followLink clicks on a case of the table, and expects its details to open.
func followLink(t *testing.T, browser context.Context, file string) {
	ctx, cancel := chromedp.NewContext(browser)
	defer cancel()
	ctx, stop := context.WithTimeout(ctx, 2*time.Minute)
	defer stop()
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
