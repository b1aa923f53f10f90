package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"assay/bench"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// isTerminal reports whether w is a terminal that a person looks at.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// width returns the columns of the terminal behind w, or def.
func width(w io.Writer, def int) int {
	if f, ok := w.(*os.File); ok {
		if cols, _, err := term.GetSize(int(f.Fd())); err == nil && cols > 0 {
			return cols
		}
	}
	return def
}

// progress returns a listener for a run: a bar on a terminal, else one plain
// line per group and phase. The returned func ends it.
func progress(w io.Writer) (func(bench.Step), func()) {
	if isTerminal(w) {
		return bar(w)
	}
	begun, last := time.Now(), ""
	return func(s bench.Step) {
		if line := s.Phase + ": " + s.Group; line != last {
			last = line
			fmt.Fprintf(w, "%3.0f %%  %5s  %s\n", 100*s.Done, time.Since(begun).Round(time.Second), line)
		}
	}, func() {}
}

func bar(w io.Writer) (func(bench.Step), func()) {
	const parts = 1000
	b := progressbar.NewOptions(parts,
		progressbar.OptionSetWriter(w), progressbar.OptionSetWidth(24), progressbar.OptionSetPredictTime(true),
		progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetTheme(progressbar.Theme{Saucer: "█", SaucerPadding: "░", BarStart: "", BarEnd: ""}))
	return func(s bench.Step) {
		b.Describe(fmt.Sprintf("%-9s %s, %s", s.Phase, s.Group, s.Text))
		b.Set(int(s.Done * parts)) // an error here is a terminal that went away
	}, func() { b.Finish() }
}

// colour reports whether output to w may be coloured (no-color.org).
func colour(w io.Writer) bool {
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && isTerminal(w)
}
