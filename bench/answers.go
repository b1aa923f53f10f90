package bench

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// Answers are what a case answered to the samples of its task: what is needed
// to tell whether another device answers the same.
type Answers struct {
	Set     string      `json:"set"`               // sha256 of the labels, by which the same samples in the same order are known
	Classes []int       `json:"classes"`           // the answer to each sample, in the order of the data
	Outputs [][]float32 `json:"outputs,omitempty"` // the first output, flattened, of the first samples
}

// maxOutputs bounds the values of Outputs of a case: it is a sample of what
// devices differ in, and no result is to grow by more than some kB for it.
const maxOutputs = 1024

// kept returns the answers as results keep them.
func (o *outputs) kept() *Answers {
	h := sha256.New()
	for _, l := range o.labels {
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], uint64(l))
		h.Write(b[:]) // never fails
	}
	a := &Answers{Set: hex.EncodeToString(h.Sum(nil)), Classes: o.answers}
	for n := 0; len(a.Outputs) < len(o.values); {
		v := o.values[len(a.Outputs)]
		if n += len(v); n > maxOutputs || !finite32(v) {
			break
		}
		a.Outputs = append(a.Outputs, v)
	}
	return a
}

// finite32 reports whether JSON can hold all values.
func finite32(v []float32) bool {
	for _, x := range v {
		if x-x != 0 {
			return false
		}
	}
	return true
}
