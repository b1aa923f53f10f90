package web

import (
	"strings"

	"assay/bench/unit"
)

// count is "1 job" or "2 jobs"; with a word for several where that is not the
// word for one with an s: "1 is away", "2 are away".
func count(n int, one string, several ...string) string {
	switch {
	case n == 1:
		return "1 " + one
	case len(several) > 0:
		return unit.Count(n) + " " + several[0]
	}
	return unit.Count(n) + " " + one + "s"
}

// words are the verdicts and states that have a colour of their own.
var words = map[string]string{
	"pass": "pass", "better": "better", "done": "pass", "idle": "same",
	"fail": "fail", "error": "error", "worse": "worse", "failed": "fail", "lost": "fail",
	"inconclusive": "inconclusive", "untrusted": "untrusted", "undecided": "undecided", "refused": "undecided", "missing": "undecided",
	"skipped": "skipped", "same": "same", "cancelled": "skipped",
}

// classOf is the class of style of a text that ends with such a word, "" for none.
func classOf(text string) string {
	f := strings.Fields(strings.ToLower(text))
	if len(f) == 0 {
		return ""
	}
	return words[strings.Trim(f[len(f)-1], ".,()")]
}

// A word is a part of a count, such as "1 fail", with its class of style.
type word struct{ Text, Class string }

// wordsOf splits "1 fail, 2 pass".
func wordsOf(text string) []word {
	var out []word
	for part := range strings.SplitSeq(text, ", ") {
		out = append(out, word{part, classOf(part)})
	}
	return out
}
