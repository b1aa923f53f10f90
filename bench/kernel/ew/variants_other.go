//go:build !amd64 || noasm

package ew

func archVariants() []variant { return nil }
