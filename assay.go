// Package assay holds what the programs embed from the root of the tree: the
// ready suites. The programs are cmd/assay and cmd/assay-ort.
package assay

import _ "embed"

// Suites is suites.yaml, the library of ready suites; package suites reads it.
//
//go:embed suites.yaml
var Suites []byte
