package web_test

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"assay/reports/internal/browser"
	"assay/reports/web"

	"github.com/chromedp/chromedp"
)

var shots = flag.String("shots", "", "folder to put screenshots of the pages in, to look at")

// TestChromium opens the pages in a real browser, at the width of a phone and
// of a desk, in light and dark, and follows a run live.
func TestChromium(t *testing.T) {
	ctx := browser.Start(t)
	s := newSite(t, true, "")
	s.journal.Add("d-1", web.Line{At: time.Now(), Text: "timing: fashion-mnist · resnet8", Done: 0.4})
	assets := []string{s.URL + "/assets/style.css", s.URL + "/assets/live.js", s.URL + "/job/d-1/events?after=1"}
	desk := browser.Look{Width: 1280, Scheme: "dark"}
	for name, path := range map[string]string{"fleet": "/", "dispatch": "/dispatch/d", "job": "/job/d-1", "results": "/results", "regressions": "/regressions", "devices": "/devices", "login": "/login", "run": "/run/" + s.board.run, "history": "/history"} {
		for _, l := range []browser.Look{{Width: 390, Scheme: "light"}, desk} {
			if l.Width == desk.Width && (name == "login" || name == "run" || name == "history" || name == "dispatch" || name == "regressions") && *shots == "" {
				continue // made of the same parts as the others
			}
			l.Shots, l.Also = *shots, assets
			t.Run(fmt.Sprintf("%s/%d/%s", name, l.Width, l.Scheme), func(t *testing.T) { browser.Open(t, ctx, s.URL+path, l) })
		}
	}
	t.Run("live", func(t *testing.T) {
		tab := browser.Open(t, ctx, s.URL+"/job/d-1", browser.Look{Width: 1280, Scheme: "light", Also: assets})
		s.journal.Add("d-1", web.Line{At: time.Now(), Text: "accuracy: <b>all</b> samples", Done: 0.8})
		waits := func(what, is string) {
			t.Helper()
			for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
				yes, err := chromedp.Run(tab, chromedp.Evaluate[bool](is)) // an error while the page is asked for again
				if err == nil && yes {
					return
				}
				if time.Now().After(end) {
					t.Fatalf("the page does not show %s: %v", what, err)
				}
			}
		}
		waits("a line as it comes", `document.getElementById('lines').lastElementChild.textContent.endsWith('accuracy: <b>all</b> samples') && document.getElementById('done').value == 80`)
		s.board.end()
		s.journal.Add("d-1", web.Line{At: time.Now(), Text: "ended", Done: 1})
		waits("the result when the run has ended", `document.querySelector('main a[href^="/run/"]') !== null`)
	})
}
