package strict

import (
	"fmt"
	"slices"
	"strings"
)

// Unknown returns the error of a name that is none of have: it lists the
// choices and names the nearest one where it is near. what is the kind of
// thing in words ("engine").
func Unknown(at Pos, what, got string, have []string) *Error {
	return at.Errorf("unknown %s %q (%s)", what, clip(got), Choices(got, have))
}

// Choices words what could have been meant by got.
func Choices(got string, have []string) string {
	if len(have) == 0 {
		return "there are none"
	}
	have = slices.Sorted(slices.Values(have))
	list := "have " + strings.Join(have, ", ")
	best, dist := "", 3 // two slips of the finger, and less than half the word
	for _, h := range have {
		if d := distance(got, h); d < dist && 2*d < max(len(got), len(h)) {
			best, dist = h, d
		}
	}
	if best != "" {
		return fmt.Sprintf("did you mean %q? %s", best, list)
	}
	return list
}

// distance is the number of insertions, deletions, replacements and swaps of
// neighbours that turn a into b (optimal string alignment; Damerau 1964). It
// gives up on long words: nobody mistypes those by two letters.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	if len(x) > 64 || len(y) > 64 {
		return 64
	}
	d := make([][]int, len(x)+1)
	for i := range d {
		d[i] = make([]int, len(y)+1)
		d[i][0] = i
	}
	for j := range d[0] {
		d[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(x)][len(y)]
}
