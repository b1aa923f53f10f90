// Package verdict turns an interval and a limit into a word. It is pure: no
// clock, no files. The words and the grammar of gates are those of
// docs/design.md, "Verdict and gates".
package verdict

// A Word is a verdict on one gate for one case.
type Word string

// The six words.
const (
	Pass         Word = "pass"         // the whole interval is inside the limit
	Fail         Word = "fail"         // the whole interval is outside
	Inconclusive Word = "inconclusive" // neither; Verdict.Reason says how much more is needed
	Untrusted    Word = "untrusted"    // the A/A control or the device's condition failed
	Error        Word = "error"        // the case could not be run
	Skipped      Word = "skipped"      // with its reason
)

// A Verdict is one gate judged for one case.
type Verdict struct {
	Gate     string  `json:"gate"` // as written
	Word     Word    `json:"verdict"`
	Metric   string  `json:"metric"`
	Value    float64 `json:"value"` // in the gate's unit: ratio, pt, or the metric's base unit
	Low      float64 `json:"low"`   // the interval that was judged (Holm-adjusted where it is)
	High     float64 `json:"high"`
	Limit    float64 `json:"limit"`
	Reason   string  `json:"reason,omitempty"` // "1.01x, wanted <= 0.8x"
	Optional bool    `json:"optional,omitempty"`
}
