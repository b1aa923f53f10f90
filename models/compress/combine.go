package compress

import (
	"context"
	"fmt"
	"strings"

	"assay/models/onnx"
)

// combine returns the techniques joined by + as one. Each step is checked and
// tried like a technique alone; the report's Steps hold what each did.
func combine(name string) (Technique, error) {
	var steps []Technique
	var names []string
	c := Technique{}
	for _, s := range strings.Split(name, "+") {
		if strings.TrimSpace(s) == "" {
			return c, fmt.Errorf("technique %q: a step is missing beside a +", name)
		}
		t, err := Lookup(s)
		if err != nil {
			return c, err
		}
		if n := len(steps); n > 0 && steps[n-1].Final {
			return c, fmt.Errorf("technique %q: nothing can follow %s, whose weights are no longer plain floats: put it last", name, steps[n-1].Name)
		}
		steps, names = append(steps, t), append(names, t.Name)
		c.Data, c.Whole, c.Final = c.Data || t.Data, c.Whole || t.Whole, t.Final
	}
	c.Name, c.Doc = strings.Join(names, "+"), "in order: "+strings.Join(names, ", ")
	c.Apply = func(ctx context.Context, m *onnx.Model, opt Options) (*onnx.Model, *Report, error) {
		sum := &Report{Technique: c.Name}
		for i, t := range steps {
			next, r, err := t.Apply(ctx, m, opt)
			if err != nil {
				return nil, nil, fmt.Errorf("step %d of %s: %w", i+1, c.Name, err)
			}
			if i == 0 {
				sum.Before = r.Before
			}
			m, sum.After, sum.Samples = next, r.After, max(sum.Samples, r.Samples)
			for _, w := range r.Warnings {
				sum.warn("%s: %w", t.Name, w)
			}
			sum.Steps = append(sum.Steps, r)
		}
		return m, sum, nil
	}
	return c, nil
}
