package suites

import (
	"reflect"
	"strconv"
	"strings"

	"assay/models/strict"
)

// inBounds holds the whole numbers of a struct, read from the mapping n, to
// the bounds that its jsonschema tags state; v is a pointer to it, its fields
// are pointers or slices, nil where they are not written.
func inBounds(n strict.Node, v any) strict.Errors {
	var errs strict.Errors
	s := reflect.ValueOf(v).Elem()
	for i := range s.NumField() {
		f := s.Type().Field(i)
		key := f.Tag.Get("yaml")
		low, high, ok := bounds(f.Tag.Get("jsonschema"))
		if !ok || s.Field(i).IsNil() {
			continue
		}
		nodes := []strict.Node{n.Get(key)}
		if f.Type.Kind() == reflect.Slice {
			nodes, _ = n.Get(key).Items()
			if n.Get(key).IsList() && len(nodes) == 0 {
				errs.Add(n.Get(key).Pos().Errorf("%s is empty: leave it out for its default", key))
			}
		}
		for _, x := range nodes {
			if got, err := x.Int(); err == nil && (got < low || got > high) {
				errs.Add(x.Pos().Errorf("%s is %d, want %d to %d", key, got, low, high))
			}
		}
	}
	return errs
}

// bounds returns the minimum and maximum that a jsonschema tag states.
func bounds(tag string) (low, high int64, ok bool) {
	var hasLow, hasHigh bool
	for part := range strings.SplitSeq(tag, ",") {
		k, text, _ := strings.Cut(part, "=")
		v, err := strconv.ParseInt(text, 10, 64)
		switch {
		case err != nil:
		case k == "minimum":
			low, hasLow = v, true
		case k == "maximum":
			high, hasHigh = v, true
		}
	}
	return low, high, hasLow && hasHigh
}
