//go:build !amd64 || noasm

package int4

func archVariants() []variant { return nil }
