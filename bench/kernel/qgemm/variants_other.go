//go:build !amd64 || noasm

package qgemm

func archVariants() []variant { return nil }
