//go:build !amd64 || noasm

package pooling

func archVariants() []variant { return nil }
