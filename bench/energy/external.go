package energy

import (
	"fmt"
	"strings"
)

// ParseExternal reads a meter outside the device as the user writes it: a kind
// and its target, "shelly=http://192.0.2.7" or "command=./watts.sh".
func ParseExternal(text string) (External, error) {
	kind, target, ok := strings.Cut(text, "=")
	if !ok || kind == "" || target == "" {
		return External{}, fmt.Errorf("meter %q is not written as kind=target, for example shelly=http://192.0.2.7 or command=./watts.sh (have %s)", text, strings.Join(Kinds(), ", "))
	}
	return External{Kind: kind, Target: target}, nil
}
