//go:build (!amd64 && !arm64) || noasm

package gemm

func archVariants() []variant { return nil }
