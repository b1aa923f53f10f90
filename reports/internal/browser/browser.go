// Package browser opens pages in a real Chromium, for tests: with its own
// profile, without a network but loopback, and looks at what a reader would
// see.
package browser

import (
	"context"
	"fmt"
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

// Start starts Chromium, without a network of its own and with a fresh
// profile, and ends it with the test.
func Start(t *testing.T) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		t.Skip("no Chromium on PATH: install it (Debian's package chromium; make browser as root) to test pages in it")
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
	Plots, Drawn int      // places of plots, and those that the page's script has drawn into
	Cut          []string // texts of plots that reach outside their plot
	Small        []string // texts of plots below 9 px
	Wide         []string // elements that reach outside the window, and are not in a box that scrolls
	Overlap      []string // texts of one plot that cover each other
}

const measureLayout = `(async () => {
  const out = {Page: document.documentElement.scrollWidth, Window: window.innerWidth, Dark: matchMedia('(prefers-color-scheme: dark)').matches,
    Paper: getComputedStyle(document.body).backgroundColor, Cut: [], Small: [], Wide: [], Overlap: []};
  for (const d of document.querySelectorAll('details')) d.open = true;
  const plots = [...document.querySelectorAll('.chart')], drawn = () => plots.filter(p => p.querySelector('svg')).length;
  for (let i = 0; i < 300 && drawn() < plots.length; i++) await new Promise(r => setTimeout(r, 100));
  Object.assign(out, {Plots: plots.length, Drawn: drawn()});
  for (const svg of document.querySelectorAll('svg')) {
    const s = svg.getBoundingClientRect(), boxes = [];
    for (const t of svg.querySelectorAll('text')) {
      const b = t.getBoundingClientRect(), name = t.textContent + ' of ' + svg.closest('[aria-label]').getAttribute('aria-label').slice(0, 40);
      if (b.left < s.left - 1 || b.right > s.right + 1 || b.top < s.top - 1 || b.bottom > s.bottom + 1) out.Cut.push(name);
      const size = parseFloat(getComputedStyle(t).fontSize) * s.width / (svg.viewBox.baseVal?.width || svg.width.baseVal.value);
      if (size < 9) out.Small.push(name + ': ' + size.toFixed(1) + ' px');
      for (const o of boxes) {
        const w = Math.min(o.right, b.right) - Math.max(o.left, b.left), h = Math.min(o.bottom, b.bottom) - Math.max(o.top, b.top);
        if (w > 2 && h > 6) out.Overlap.push(name);
      }
      boxes.push(b);
    }
  }
  for (const e of document.querySelectorAll('body *')) {
    if (e.closest('.scroll, .hidden, svg, thead, .chart div')) continue;
    const b = e.getBoundingClientRect();
    if (b.width > 0 && (b.right > window.innerWidth + 1 || b.left < -1)) out.Wide.push(e.tagName + ' ' + e.textContent.slice(0, 40));
  }
  out.Page = Math.max(out.Page, document.documentElement.scrollWidth);
  return out;
})()`

// A Look is how a page is looked at.
type Look struct {
	Width  int64    // of the window; below 500 it is a phone's
	Scheme string   // "light" or "dark"
	Shots  string   // folder for a picture of it, "" for none
	Also   []string // what the page may ask for besides itself
}

// Tab opens a tab of its own, and closes it with the test.
func Tab(t *testing.T, browser context.Context) context.Context {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	ctx, stop := context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(stop)
	return ctx
}

// Open opens a page in a tab of its own and expects it to fit its window, in
// the colours that were asked for, with every text of its plots readable, no
// word in the console, and nothing asked for but what is allowed.
func Open(t *testing.T, browser context.Context, address string, l Look) context.Context {
	t.Helper()
	ctx := Tab(t, browser)
	var seen console
	viewport := []chromedp.EmulateViewportOption{}
	if l.Width < 500 {
		viewport = append(viewport, chromedp.EmulateMobile)
	}
	err := chromedp.Do(ctx, chromedp.EmulateViewport(l.Width, 844, viewport...))
	if err == nil {
		err = seen.listen(ctx)
	}
	if err == nil {
		_, err = chromedp.Call(ctx, network.Enable, network.EnableParams{})
	}
	if err == nil {
		features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: l.Scheme}}
		_, err = chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
	}
	if err == nil {
		err = chromedp.Do(ctx, chromedp.Navigate(address))
	}
	if err != nil {
		t.Fatal(err)
	}
	look, err := chromedp.Run(ctx, chromedp.Evaluate[layout](measureLayout, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	if l.Shots != "" {
		shoot(t, ctx, l.Shots)
	}
	seen.Lock()
	defer seen.Unlock()
	if len(seen.said) > 0 {
		t.Errorf("the console says: %q", seen.said)
	}
	asked := slices.DeleteFunc(seen.asked, func(u string) bool { return slices.Contains(l.Also, u) })
	if want := []string{address}; !slices.Equal(asked, want) {
		t.Errorf("the page asks for %q, want %q alone", asked, want)
	}
	look.check(t, l)
	return ctx
}

func (l layout) check(t *testing.T, want Look) {
	t.Helper()
	if l.Window != float64(want.Width) || l.Page > l.Window {
		t.Errorf("the page is %g wide in a window of %g: %q", l.Page, l.Window, l.Wide)
	}
	if l.Dark != (want.Scheme == "dark") || (l.Paper == "rgb(255, 255, 255)") == l.Dark {
		t.Errorf("asked for %s, the page's background is %s", want.Scheme, l.Paper)
	}
	if l.Drawn != l.Plots {
		t.Errorf("%d of %d plots are drawn", l.Drawn, l.Plots)
	}
	for what, texts := range map[string][]string{"cut off": l.Cut, "too small": l.Small, "over another": l.Overlap} {
		if len(texts) > 0 {
			t.Errorf("text of plots is %s: %q", what, texts[:min(len(texts), 5)])
		}
	}
}

// shoot keeps a picture of the whole page, with everything unfolded.
func shoot(t *testing.T, ctx context.Context, dir string) {
	shot, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err == nil {
		_, name, _ := strings.Cut(t.Name(), "/")
		err = os.WriteFile(filepath.Join(dir, strings.ReplaceAll(name, "/", "-")+".png"), shot, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}
