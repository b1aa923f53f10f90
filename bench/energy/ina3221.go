package energy

import (
	"context"
	"fmt"
)

// An ina3221 is a gauge of one channel of that chip, which may show a little
// less than nothing where nothing flows.
type ina3221 struct {
	gauge
	least float64 // W
}

// Read keeps values down to the least: taken as 0 they would make the idle
// power too high, and as errors they would make it unknown.
func (c *ina3221) Read(ctx context.Context) (Reading, error) {
	if err := ctx.Err(); err != nil {
		return Reading{}, fmt.Errorf("read %s: %w", c.domain.Name, err)
	}
	before := c.now()
	v, err := c.value(ctx)
	after := c.now()
	if err == nil && v < c.least {
		err = fmt.Errorf("%.3g W is no power", v)
	}
	if err != nil {
		return Reading{}, fmt.Errorf("read %s: %w", c.domain.Name, err)
	}
	return Reading{At: before + (after-before)/2, Value: v}, nil
}

// leastINA3221 is the least power that channel n of a chip can mean by
// nothing: its offset is up to 80 µV over the shunt, and a step of its
// converter 40 µV, at a bus voltage of up to 26 V (TI, SBOS576B, section 7.5).
func leastINA3221(t tree, dir string, n int) float64 {
	microohm, err := t.number(fmt.Sprintf("%s/shunt%d_resistor", dir, n))
	if err != nil || microohm <= 0 {
		return 0
	}
	return -(80 + 40) / microohm * 26
}
