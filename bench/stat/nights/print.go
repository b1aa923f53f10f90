package main

import (
	"fmt"
	"io"
	"math"
	"strings"

	"assay/bench/stat/watch"
	"assay/bench/unit"
)

func (s *results) print(w io.Writer, years int) {
	fmt.Fprintf(w, "Per cell: %d × %d nights × %d series; budget %s false alarms per night.\n\n", years, nightsN, seriesN, rate(watch.Standard.Budget))
	fmt.Fprintln(w, "### Nothing changes: false alarms per night, whole set")
	s.printFalse(w)
	fmt.Fprintln(w, "\n### Nothing changes: what a night costs")
	s.printCost(w)
	fmt.Fprintln(w, "\n### A fifth of the series change: found within 1 / 3 / 12 / 60 nights, median delay in nights")
	s.printPower(w)
	fmt.Fprintln(w, "\n### What can be known")
	s.printBounds(w)
	fmt.Fprintln(w, "\n### Where the method ends (not promised): alarms per night, whole set")
	s.printBeyond(w)
	fmt.Fprintln(w, "\n### Other rules, nothing changes: false alarms per night, whole set")
	s.printPeers(w, s.peersStable, func(c *Cell) string { return rate(c.False) })
	fmt.Fprintln(w, "\n### Other rules, a fifth changes: found within 3 / 12 / 60 nights, and false alarms per night")
	s.printPeers(w, s.peersChanging, func(c *Cell) string {
		return fmt.Sprintf("%s / %s / %s, %s", whole(c.within(3)), whole(c.within(12)), whole(c.within(60)), rate(c.False))
	})
}

func head(w io.Writer, first string, names ...string) {
	fmt.Fprintf(w, "\n| %s | %s |\n|---|%s\n", first, strings.Join(names, " | "), strings.Repeat("---:|", len(names)))
}

func rowOf(w io.Writer, first string, cells ...string) {
	fmt.Fprintf(w, "| %s | %s |\n", first, strings.Join(cells, " | "))
}

// perShare names the columns of tables that differ by share.
func perShare() []string {
	var out []string
	for _, p := range shares {
		out = append(out, fmt.Sprintf("share %g persists", p))
	}
	return append(out, "without confirmation")
}

func (s *results) printFalse(w io.Writer) {
	head(w, "noise", append(perShare(), "told to be better, at most")...)
	for _, cs := range s.stable {
		var out []string
		better := 0.0
		for i := range cs {
			out = append(out, rate(cs[i].False))
			better = max(better, cs[i].Better)
		}
		rowOf(w, cs[0].Name, append(out, rate(better))...)
	}
}

func (s *results) printCost(w io.Writer) {
	head(w, "noise", "suspects measured again, share 0", "share 0.25", "share 1", "19 of 20 nights at most", "trials of one", "share as estimated, bounds of 99 %", "A/A pairs that would have been confirmed")
	for _, cs := range s.stable {
		most := 0.0
		var bounds []string
		alarms := 0.0
		for _, c := range cs[:len(shares)] {
			most, alarms = max(most, c.Most), max(alarms, c.Alarms)
			bounds = append(bounds, unit.Fixed(c.Share, 2))
		}
		rowOf(w, cs[0].Name, percent(cs[0].Again), percent(cs[1].Again), percent(cs[2].Again), percent(most), unit.Fixed(cs[0].Trials, 1), strings.Join(bounds, " / "), unit.Fixed(100*alarms, 2)+" %")
	}
}

func (s *results) printPower(w io.Writer) {
	head(w, "change", perShare()...)
	for _, cs := range s.changing {
		var out []string
		for i := range cs {
			c := &cs[i]
			out = append(out, fmt.Sprintf("%s / %s / %s / %s, %s", whole(c.within(1)), whole(c.within(3)), whole(c.within(12)), whole(c.within(60)), nightsText(c.delay())))
		}
		rowOf(w, cs[0].Name, out...)
	}
}

// printBounds sets what was found beside what can be.
func (s *results) printBounds(w io.Writer) {
	head(w, "change", "first night: best screening", "ours, share 0", "delay from nights alone: least mean", "ours, share 1, mean")
	for _, cs := range s.changing {
		c := cs[0].World
		if c.Step == 0 || c.Kept || c.Spikes > 0 {
			continue // no closed bound
		}
		rowOf(w, c.Name, percent(mostPower(c)), percent(cs[0].within(1)), unit.Fixed(leastDelay(c), 1), unit.Fixed(cs[len(shares)-1].mean(), 1))
	}
}

// printBeyond counts everything that is told, and what of it is better.
func (s *results) printBeyond(w io.Writer) {
	head(w, "series", append(perShare(), "told to be better, at most")...)
	for _, cs := range s.beyond {
		var out []string
		better := 0.0
		for i := range cs {
			told := cs[i].False
			for _, d := range cs[i].Found {
				if d > 0 {
					told += 1 / cs[i].Nights
				}
			}
			out = append(out, rate(told))
			better = max(better, cs[i].Better)
		}
		rowOf(w, cs[0].Name, append(out, rate(better))...)
	}
}

func (s *results) printPeers(w io.Writer, rows [][]Cell, text func(*Cell) string) {
	var names []string
	for _, p := range peers {
		names = append(names, p.Name)
	}
	head(w, "series", names...)
	for _, cs := range rows {
		var out []string
		for i := range cs {
			out = append(out, text(&cs[i]))
		}
		rowOf(w, cs[0].Name, out...)
	}
}

func whole(v float64) string { return unit.Fixed(100*v, 0) }

func nightsText(v float64) string {
	if math.IsInf(v, 1) {
		return "never"
	}
	return unit.Fixed(v, 0)
}
