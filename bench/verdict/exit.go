package verdict

import (
	"fmt"
	"strings"
)

// Exit codes of a gate; 2 is left to usage and I/O.
const (
	ExitPass      = 0
	ExitFail      = 1
	ExitUndecided = 3
)

// ranked lists the words from worst to best: the worst decides a case.
var ranked = []Word{Fail, Error, Untrusted, Inconclusive, Skipped, Pass}

// Undecided reports whether v leaves the release open: inconclusive,
// untrusted, an error, or a skip of a gate that is not optional.
func (v Verdict) Undecided() bool {
	switch v.Word {
	case Pass, Fail:
		return false
	case Skipped:
		return !v.Optional
	}
	return true
}

// ExitCode maps the verdicts of a release to an exit code: 0 if every gate
// passed, 1 if one failed, 3 if anything is undecided or nothing was judged at
// all. A fail outweighs what is undecided.
func ExitCode(vs []Verdict) int {
	code, judged := ExitPass, false
	for _, v := range vs {
		switch {
		case v.Word == Fail:
			return ExitFail
		case v.Undecided():
			code = ExitUndecided
		case v.Word == Pass:
			judged = true
		}
	}
	if !judged {
		return ExitUndecided
	}
	return code
}

// Deciding returns the verdict that decides a case: its worst, the first of
// equals. A skip of an optional gate gives way to a pass. ok is false where
// there is none.
func Deciding(vs []Verdict) (v Verdict, ok bool) {
	best := 2 * len(ranked)
	for _, c := range vs {
		r := len(ranked)
		for i, w := range ranked {
			if w == c.Word {
				r = i
			}
		}
		if c.Word == Skipped && c.Optional {
			r = len(ranked)
		}
		if r < best {
			v, best, ok = c, r, true
		}
	}
	return v, ok
}

// Tally counts verdicts by word: "1 fail, 2 pass"; "no verdicts" of none.
func Tally(vs []Verdict) string {
	n := map[Word]int{}
	for _, v := range vs {
		n[v.Word]++
	}
	var parts []string
	for _, w := range ranked {
		if n[w] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[w], w))
		}
	}
	if len(parts) == 0 {
		return "no verdicts"
	}
	return strings.Join(parts, ", ")
}
