package reports

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"

	"assay/bench"
	"assay/bench/engine"
	"assay/bench/metric"
)

// CompareOptions relax what Compare refuses.
type CompareOptions struct {
	CrossDevice bool // runs of different devices, for whoever wants to compare devices
}

// Compare says what changed from run a to run b, case by case. It returns an
// error that says why where the two cannot be compared.
func Compare(a, b *bench.Result) (*Comparison, error) { return CompareWith(a, b, CompareOptions{}) }

// CompareWith is Compare with options.
func CompareWith(a, b *bench.Result, o CompareOptions) (*Comparison, error) {
	refuse := func(format string, args ...any) error {
		return fmt.Errorf("runs %s and %s cannot be compared: %s", a.Run, b.Run, fmt.Sprintf(format, args...))
	}
	for _, r := range []*bench.Result{a, b} {
		if r.Schema != bench.Schema {
			return nil, refuse("run %s has schema %q, this program knows %q", r.Run, r.Schema, bench.Schema)
		}
	}
	other := a.Device.ID != b.Device.ID
	switch {
	case a.Run == b.Run:
		return nil, refuse("they are one run")
	case other && !o.CrossDevice:
		return nil, refuse("they are of different devices, %s and %s (--cross-device compares them all the same)", deviceName(a), deviceName(b))
	}
	c := &Comparison{A: Summary(a), B: Summary(b), Changes: []Change{}}
	pairs := match(a, b, c)
	if len(pairs) == 0 {
		return nil, refuse("%s", disjoint(a, b))
	}
	c.Causes = causes(a, b, pairs)
	c.doubts(a, b, pairs, other)
	for _, p := range pairs {
		c.Changes = append(c.Changes, p.changes(sameSamples(a, b))...)
	}
	if len(c.Changes) == 0 {
		return nil, refuse("no metric of a shared case was measured, and could be trusted, in both")
	}
	order(c.Changes)
	return c, nil
}

func deviceName(r *bench.Result) string {
	if r.Device.Name != "" {
		return fmt.Sprintf("%s (%s)", r.Device.Name, r.Device.Class)
	}
	return r.Device.ID
}

// match pairs the cases that both runs measured, in a's order, and lists the
// others.
func match(a, b *bench.Result, c *Comparison) []shared {
	in := index(b)
	var pairs []shared
	both := map[string]bool{}
	for i := range a.Groups {
		for j := range a.Groups[i].Cases {
			ca := &a.Groups[i].Cases[j]
			key := CaseKey(&ca.Case)
			if p, ok := in[key]; ok && !both[key] {
				both[key] = true
				if ca.Status == bench.OK && p.b.Status == bench.OK {
					pairs = append(pairs, shared{&a.Groups[i], p.gb, ca, p.b})
				}
			} else if !ok {
				c.OnlyA = append(c.OnlyA, key)
			}
		}
	}
	for key := range in {
		if !both[key] {
			c.OnlyB = append(c.OnlyB, key)
		}
	}
	sort.Strings(c.OnlyB)
	return pairs
}

// index finds the cases of a run by key; the first of equals.
func index(r *bench.Result) map[string]shared {
	out := map[string]shared{}
	for i := range r.Groups {
		for j := range r.Groups[i].Cases {
			cb := &r.Groups[i].Cases[j]
			if key := CaseKey(&cb.Case); out[key].b == nil {
				out[key] = shared{gb: &r.Groups[i], b: cb}
			}
		}
	}
	return out
}

// disjoint says why no case is in both runs: what nearly equal cases differ
// in, or what the runs hold.
func disjoint(a, b *bench.Result) string {
	ka, kb := slices.Sorted(maps.Keys(index(a))), slices.Sorted(maps.Keys(index(b)))
	ka, kb = ka[:min(len(ka), 200)], kb[:min(len(kb), 200)] // enough for a hint
	best, most := "", 0
	for _, x := range ka {
		for _, y := range kb {
			fx, fy := strings.Split(x, "/"), strings.Split(y, "/")
			var diff []string
			for i := range fx {
				if fx[i] != fy[i] {
					diff = append(diff, fx[i]+" against "+fy[i])
				}
			}
			if n := len(fx) - len(diff); n > most {
				best, most = strings.Join(diff, ", "), n
			}
		}
	}
	switch {
	case most == 0:
		return "one of them holds no case"
	case best == "":
		return "no case was measured in both: see the errors and skips of each"
	}
	return "they have no case in common; the nearest differ in " + best
}

// sameSamples reports whether both runs took accuracy over the same part of
// the data.
func sameSamples(a, b *bench.Result) bool {
	return a.Accuracy == b.Accuracy && a.Plan.Samples == b.Plan.Samples
}

// doubts says what a reader has to keep in mind.
func (c *Comparison) doubts(a, b *bench.Result, pairs []shared, other bool) {
	add := func(text string) {
		if !slices.Contains(c.Doubts, text) {
			c.Doubts = append(c.Doubts, text)
		}
	}
	add("across runs: not interleaved, so drift of the device is inside every timing change and its interval does not cover it; the change to baseline is free of it")
	if other {
		add(fmt.Sprintf("different devices: %s and %s", deviceName(a), deviceName(b)))
	}
	if !sameSamples(a, b) {
		add(fmt.Sprintf("accuracy is not compared: %s against %s", a.Accuracy, b.Accuracy))
	}
	for _, r := range []*bench.Result{a, b} {
		if r.Partial != "" {
			add(fmt.Sprintf("run %s is partial: %s", r.Run, r.Partial))
		}
	}
	for _, p := range pairs {
		in := "both runs"
		switch ua, ub := len(p.ga.Untrusted) > 0, len(p.gb.Untrusted) > 0; {
		case !ua && !ub:
			continue
		case !ub:
			in = "run " + a.Run
		case !ua:
			in = "run " + b.Run
		}
		add(fmt.Sprintf("timing of %s on %s is not compared: untrusted in %s", p.ga.Model, p.ga.Engine, in))
	}
	for _, p := range pairs {
		if x, y := otherSource(p.a, p.b); x != "" {
			add(fmt.Sprintf("energy of %s on %s is not compared: %s measures something else than %s", p.ga.Model, p.ga.Engine, x, y))
		}
	}
	if text := alike(pairs); text != "" {
		add(text)
	}
}

// otherSource returns by what two results of a case were measured, where that
// differs: they are then values of different things.
func otherSource(a, b *bench.CaseResult) (x, y string) {
	for _, ea := range a.Values {
		if eb, ok := b.Value(ea.Metric); ok && ea.Source != eb.Source {
			return orNone(ea.Source), orNone(eb.Source)
		}
	}
	return "", ""
}

// causes lists what changed besides the measured numbers.
func causes(a, b *bench.Result, pairs []shared) []string {
	var out []string
	changed := func(what, x, y string) {
		if x != y {
			out = append(out, fmt.Sprintf("%s: %s → %s", what, orNone(x), orNone(y)))
		}
	}
	changed("assay", a.Version, b.Version)
	ia, ib := byName(a.Engines), byName(b.Engines)
	for _, name := range slices.Sorted(maps.Keys(ia)) {
		x, y := ia[name], ib[name]
		if y == nil {
			continue
		}
		changed(name, x.Build, y.Build)
		out = append(out, changedKeys(name+" ", x.Settings, y.Settings)...)
	}
	changed("kernel", a.Device.Kernel, b.Device.Kernel)
	changed("governor", a.Before.Governor, b.Before.Governor)
	if a.Device.ID == b.Device.ID {
		out = append(out, changedKeys("device ", a.Device.Facts, b.Device.Facts)...)
	}
	seen := map[string]bool{}
	for _, p := range pairs {
		if x, y := p.a.Artifact.SHA256, p.b.Artifact.SHA256; x != y && !seen[p.a.Model+p.a.Variant] {
			seen[p.a.Model+p.a.Variant] = true
			changed(fmt.Sprintf("file of %s %s", p.a.Model, p.a.Variant), head(x), head(y))
		}
	}
	return out
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func head(sha string) string { return sha[:min(len(sha), 12)] }

func byName(infos []engine.Info) map[string]*engine.Info {
	out := map[string]*engine.Info{}
	for i := range infos {
		out[infos[i].Name] = &infos[i]
	}
	return out
}

func changedKeys(lead string, x, y map[string]string) []string {
	keys := maps.Clone(x)
	if keys == nil {
		keys = map[string]string{}
	}
	maps.Copy(keys, y)
	var out []string
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		if x[k] != y[k] {
			out = append(out, fmt.Sprintf("%s%s: %s → %s", lead, k, orNone(x[k]), orNone(y[k])))
		}
	}
	return out
}

// alike says that all latencies moved together, as they do when the device
// changed and not a model; "" where they did not.
func alike(pairs []shared) string {
	low, high, n := 0.0, 0.0, 0
	for _, p := range pairs {
		a, ok1 := p.a.Value(metric.P50.Name)
		b, ok2 := p.b.Value(metric.P50.Name)
		if !ok1 || !ok2 || a.Value <= 0 || b.Value <= 0 {
			continue
		}
		r := b.Value / a.Value
		if n == 0 {
			low, high = r, r
		}
		low, high, n = min(low, r), max(high, r), n+1
	}
	if n < 3 || high/low > 1.03 || low < 1.02 && high > 0.98 {
		return ""
	}
	return fmt.Sprintf("all %d latencies moved alike (%.2fx to %.2fx): look at the device or the runtime before the models", n, low, high)
}
