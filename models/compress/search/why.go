package search

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"assay/models/compress"
)

// Why says in words why each layer got what it has in f; cost prints a cost.
// limit is the largest loss of accuracy that was allowed.
func (r *Result) Why(f Found, limit float64, cost func(float64) string) []string {
	out := make([]string, len(r.Layers))
	for i := range r.Layers {
		out[i] = r.Layers[i].why(f.Choice[i], limit, cost)
	}
	return out
}

func (l *Layer) why(choice int, limit float64, cost func(float64) string) string {
	var parts []string
	if choice >= 0 {
		o := l.Options[choice]
		parts = append(parts, fmt.Sprintf("%s instead of %s at %s", cost(o.Cost), cost(l.Cost), noise(o.Noise)))
	} else if reason := l.idle(); reason != "" {
		return reason
	}
	order := make([]int, 0, len(l.Options))
	for k := range l.Options {
		if k != choice {
			order = append(order, k)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(l.Options[a].Cost, l.Options[b].Cost) })
	var late []string
	for _, k := range order {
		o := l.Options[k]
		switch {
		case o.Refused == outOfTime:
			late = append(late, o.Technique)
		case o.Refused == gainsNothing:
			parts = append(parts, fmt.Sprintf("%s would be %s", o.Technique, cost(o.Cost)))
		case o.Refused != "":
			parts = append(parts, fmt.Sprintf("%s: %s", o.Technique, o.Refused))
		case choice < 0:
			parts = append(parts, fmt.Sprintf("%s would save %s, but its noise (%s) is dear beside other layers' within %.2g pt", o.Technique, cost(l.Cost-o.Cost), noise(o.Noise), 100*limit))
		default:
			parts = append(parts, fmt.Sprintf("%s would be %s at %s", o.Technique, cost(o.Cost), noise(o.Noise)))
		}
	}
	if len(late) > 0 {
		parts = append(parts, fmt.Sprintf("no time to try %s alone", strings.Join(late, ", ")))
	}
	return strings.Join(parts, "; ")
}

// idle says why nothing was chosen where nothing gains, "" where something does.
func (l *Layer) idle() string {
	for _, o := range l.Options {
		if o.Refused != gainsNothing {
			return ""
		}
	}
	return "nothing is cheaper than it is"
}

// noise prints a share of noise; none at all has no decibels.
func noise(x float64) string {
	if math.IsNaN(x) {
		return "a noise that was not measured"
	}
	return compress.Decibels(-10*math.Log10(x)) + " of the outputs"
}
