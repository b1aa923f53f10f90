package energy

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// An adapter makes meters of what the user has configured for one kind.
type adapter struct {
	kind  string
	form  string                    // as the user writes it
	check func(target string) error // connects to nothing
	// open makes the meters of a target that answers, the preferred one first.
	open func(ctx context.Context, env Env, target string) ([]Meter, error)
}

var adapters []adapter

// registerExternal adds a kind of external meter, and its probe: it opens what
// the user has configured, and nothing else.
func registerExternal(a adapter) {
	adapters = append(adapters, a)
	Register(a.kind, RankExternal, func(ctx context.Context, env Env) (ms []Meter, err error) {
		for _, x := range env.External {
			if x.Kind != a.kind {
				continue
			}
			found, e := a.open(ctx, env, x.Target)
			ms, err = append(ms, found...), also(err, e)
		}
		return ms, err
	})
}

// ParseExternal reads a meter as the user writes it: "shelly=http://192.0.2.7",
// "tasmota=http://192.0.2.8" or "command=./watts.sh,scope=board"
// (docs/devices.md, "External meters").
func ParseExternal(text string) (External, error) {
	kind, target, ok := strings.Cut(text, "=")
	i := slices.IndexFunc(adapters, func(a adapter) bool { return a.kind == kind })
	if !ok || i < 0 {
		return External{}, fmt.Errorf("external meter %q: want one of %s", kind, strings.Join(forms(), ", "))
	}
	target = strings.TrimSpace(target)
	if err := adapters[i].check(target); err != nil {
		return External{}, fmt.Errorf("external meter %s: %w (want %s)", kind, err, adapters[i].form)
	}
	return External{Kind: kind, Target: target}, nil
}

func forms() (out []string) {
	for _, a := range adapters {
		out = append(out, a.form)
	}
	return out
}
