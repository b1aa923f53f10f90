//go:build !amd64 || noasm

package gemm

func archVariants() []variant { return nil }
