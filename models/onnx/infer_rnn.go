package onnx

import "fmt"

func init() { register(3, recurrent, "RNN", "GRU", "LSTM") }

// recurrent: X [steps, batch, features] → Y [steps, directions, batch,
// hidden], Y_h and Y_c [directions, batch, hidden]; with layout 1 the batch
// comes first everywhere.
func recurrent(c *call) error {
	x := c.arg(0)
	for i := range c.out {
		c.set(i, x.typ, false, nil)
	}
	directions := fixed(1)
	switch d := c.Str("direction", "forward"); d {
	case "forward", "reverse":
	case "bidirectional":
		directions = fixed(2)
	default:
		return fmt.Errorf("direction %q is unknown (have forward, reverse, bidirectional)", d)
	}
	hidden := unknown
	if v := c.Int("hidden_size", 0); v < 0 || v > maxAttr {
		return fmt.Errorf("hidden_size is %d", v)
	} else if v > 0 {
		hidden = fixed(v)
	} else if r := c.arg(2); r.ranked && len(r.shape) == 3 { // R [directions, gates · hidden, hidden]
		hidden = r.shape[2]
	}
	if !x.ranked {
		return nil
	}
	if len(x.shape) != 3 {
		return fmt.Errorf("data of shape %v, it takes [steps, batch, features]", x.shape)
	}
	all := []Dim{x.shape[0], directions, x.shape[1], hidden}
	last := []Dim{directions, x.shape[1], hidden}
	if c.Int("layout", 0) != 0 {
		all = []Dim{x.shape[0], x.shape[1], directions, hidden}
		last = []Dim{x.shape[0], directions, hidden}
	}
	c.set(0, x.typ, true, all)
	c.set(1, x.typ, true, last)
	c.set(2, x.typ, true, last)
	return nil
}
