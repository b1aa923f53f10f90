//go:build !unix

package runner

import "os"

// Stdio takes stdin and stdout for frames alone and returns them; what Go
// code prints from then on goes to stderr.
func Stdio() (in, out *os.File, err error) {
	in, out = os.Stdin, os.Stdout
	os.Stdout = os.Stderr
	return in, out, nil
}
