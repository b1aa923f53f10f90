package energy

// A denied is an error of a meter that is there and may not be read, or lacks
// something, with what mends it.
type denied struct {
	error
	remedy string // commands for a shell, or a sentence
}

// Remedy is what the user can do about it: see RemedyOf.
func (d denied) Remedy() string { return d.remedy }

func (d denied) Unwrap() error { return d.error }
