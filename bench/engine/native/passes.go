package native

import "fmt"

// A pass rewrites a graph without changing what it computes, save for the
// order of roundings.
type pass struct {
	name string
	f    func(g *graph) error
}

// passes are run in this order: QDQ groups are found before anything folds
// their weights to floats, activations after batch normalisation is gone.
var passes = []pass{
	{"remove identities", removeIdentities},
	{"fold constants", foldConstants},
	{"fuse QDQ groups", fuseQDQ},
	{"fuse dynamic quantization", fuseDynamic},
	{"fuse GELU", fuseGelu},
	{"fuse attention", fuseAttention},
	{"fold batch normalisation", foldBatchNorm},
	{"fuse residual additions", fuseResiduals},
	{"fuse activations", fuseActivations},
	{"fold all constants", foldAll},
	{"lay out channels last", layOut},
	{"separate outputs", separateOutputs},
}

// optimize runs the passes and sweeps after each.
func (g *graph) optimize() error {
	for _, p := range passes {
		if err := p.f(g); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		g.sweep()
	}
	return nil
}
