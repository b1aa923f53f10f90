package native

import (
	"slices"
	"sort"
)

// An opDef is one operator: what it accepts and how it is planned.
type opDef struct {
	min, max int      // inputs
	outs     int      // outputs that can be computed; 0 means 1
	unnamed  bool     // the first output may be left out where there is another
	attrs    []string // attributes that plan reads, or that change nothing
	plan     func(b *builder, n *node) error
}

func (o *opDef) outputs() int { return max(o.outs, 1) }

func (o *opDef) takes(attr string) bool { return slices.Contains(o.attrs, attr) }

// opKey names an operator; the default domain is "".
type opKey struct{ domain, op string }

// ops holds the operators; the op_*.go files fill it from their init.
var ops = map[opKey]*opDef{}

// register adds operators of the default domain.
func register(d opDef, names ...string) { registerIn("", d, names...) }

// microsoft is the domain of ONNX Runtime's own operators: some of them are
// what a pass makes of QDQ groups.
const microsoft = "com.microsoft"

// internal is the domain of operators that only passes make: no file can
// name it, for findOp is asked with what the file says.
const internal = "\x00native"

func registerIn(domain string, d opDef, names ...string) {
	for _, name := range names {
		k := opKey{domain, name}
		if ops[k] != nil {
			panic("native: operator " + name + " registered twice")
		}
		ops[k] = &d
	}
}

// findOp returns the operator of a file, nil where there is none.
func findOp(domain, op string) *opDef {
	if domain == "ai.onnx" {
		domain = ""
	}
	if domain == internal {
		return nil
	}
	return ops[opKey{domain, op}]
}

// opNames lists the operators that files can use.
func opNames() []string {
	var out []string
	for k := range ops {
		switch k.domain {
		case "":
			out = append(out, k.op)
		case microsoft:
			out = append(out, k.domain+"."+k.op)
		}
	}
	sort.Strings(out)
	return out
}
