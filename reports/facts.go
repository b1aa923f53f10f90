package reports

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"assay/bench"
)

// Facts says under what a run was measured, besides the numbers: versions,
// builds, files, kernel, governor. What differs between two sides of a change
// is its likely cause. The keys are words that a person reads.
func Facts(r *bench.Result) map[string]string {
	out := map[string]string{}
	set := func(key, value string) {
		if value != "" {
			out[key] = value
		}
	}
	set("assay", r.Version)
	for _, e := range r.Engines {
		set(e.Name, e.Build)
		for k, v := range e.Settings {
			set(e.Name+" "+k, v)
		}
	}
	set("kernel", r.Device.Kernel)
	set("system", r.Device.OS)
	for k, v := range r.Device.Facts {
		set("device "+k, v)
	}
	set("governor", r.Before.Governor)
	if r.Device.Cores > 0 {
		set("cores", fmt.Sprint(r.Device.Cores))
	}
	for k, v := range r.Labels {
		set("label "+k, v)
	}
	for i := range r.Groups {
		for j := range r.Groups[i].Cases {
			c := &r.Groups[i].Cases[j]
			if c.Artifact.SHA256 != "" {
				set(FileFact(c.Model, c.Variant, c.Engine), head(c.Artifact.SHA256))
			}
		}
	}
	return out
}

// FileFact is the key of the fact that names a case's file by its sha256.
func FileFact(model, variant, engine string) string {
	return "file of " + model + " " + variant + " for " + engine
}

// Conditions are the facts whose change makes a device another machine: a
// series begins a new level there, and no alarm is raised.
var Conditions = []string{"governor", "cores", "device power mode"}

// Differ lists the facts in which two runs differ, as "key: old → new".
func Differ(a, b map[string]string) []string { return changedKeys("", a, b) }

// SameCondition reports whether two runs are of one machine in one condition.
func SameCondition(a, b map[string]string) bool {
	return !slices.ContainsFunc(Conditions, func(k string) bool { return a[k] != b[k] })
}

// ParseSeries is the inverse of SeriesKey: the fields by name.
func ParseSeries(key string) (map[string]string, error) {
	out := map[string]string{}
	for _, part := range strings.Split(key, "/") {
		k, v, ok := strings.Cut(part, "=")
		text, err := url.PathUnescape(v)
		if !ok || err != nil {
			return nil, fmt.Errorf("series %q: want fields such as device=…/model=…/metric=…, have %q", key, part)
		}
		out[k] = text
	}
	for _, k := range []string{"device", "model", "variant", "engine", "metric"} {
		if _, ok := out[k]; !ok {
			return nil, fmt.Errorf("series %q: it lacks %s= (have %s)", key, k, strings.Join(slices.Sorted(maps.Keys(out)), ", "))
		}
	}
	return out, nil
}
