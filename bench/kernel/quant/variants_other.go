//go:build !amd64 || noasm

package quant

func archVariants() []variant { return nil }
