package energy

import "errors"

// RemedyOf returns what the user can do about an error of a probe or of Open:
// what the first error in its chain with a method Remedy says; "" where none
// has one.
func RemedyOf(err error) string {
	var r interface{ Remedy() string }
	if errors.As(err, &r) {
		return r.Remedy()
	}
	return ""
}
