package energy

import (
	"fmt"
	"slices"
	"strings"
)

// ParseExternal reads a meter outside the device as the user writes it: a kind
// and its target, "shelly=http://192.0.2.7" or "command=./watts.sh".
func ParseExternal(text string) (External, error) {
	kind, target, ok := strings.Cut(text, "=")
	if !ok || !slices.Contains(Kinds(), kind) || target == "" {
		return External{}, fmt.Errorf("external meter %q: want kind=target, for example shelly=http://HOST or command=./watts.sh (have %s)", text, strings.Join(Kinds(), ", "))
	}
	return External{Kind: kind, Target: target}, nil
}
