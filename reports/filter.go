package reports

import "time"

// A Filter chooses runs; a zero field chooses all.
type Filter struct {
	Suite  string
	Device string // id or name
	Labels map[string]string
	Since  time.Time
	Limit  int // newest runs, 0 is all
}

// A SeriesFilter chooses series; a zero field chooses all.
type SeriesFilter struct {
	Suite   string
	Device  string // id or name
	Task    string
	Model   string
	Variant string
	Engine  string
	Metric  string
}
