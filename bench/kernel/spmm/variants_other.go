//go:build !amd64 || noasm

package spmm

func archVariants() []variant { return nil }
