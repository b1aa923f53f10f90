package regress

import (
	"fmt"

	"assay/bench/unit"
	"assay/reports"
)

var _ reports.Marker = (*Report)(nil)

// Marks says what has changed as a history page shows it: what got worse, then
// suspects, then what got better.
func (r *Report) Marks() []reports.Mark {
	var out []reports.Mark
	for _, x := range []struct {
		word    string
		changes []Change
	}{{string(reports.Worse), r.Changes}, {"suspect", r.Suspects}, {string(reports.Better), r.Better}} {
		for i := range x.changes {
			c := &x.changes[i]
			out = append(out, reports.Mark{Series: c.Series, Word: x.word, Text: c.said(), Begin: c.Begin, Causes: c.Causes})
		}
	}
	return out
}

// said is "confirmed, a step to 1.053× (1.041× to 1.066×); measured again
// 1.049× (1.040× to 1.058×)".
func (c *Change) said() string {
	text := fmt.Sprintf("%s, %s to %s", c.Word, c.Kind, c.Size.said())
	if c.Again != nil {
		text += "; measured again " + c.Again.said()
	}
	if c.Trials > 0 {
		text += fmt.Sprintf("; %d more trials would tell", c.Trials)
	}
	return text
}

func (r Ratio) said() string {
	return fmt.Sprintf("%s (%s to %s)", unit.Precise(r.Value), unit.Precise(r.Low), unit.Precise(r.High))
}
