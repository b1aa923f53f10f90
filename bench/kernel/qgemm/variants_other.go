//go:build (!amd64 && !arm64) || noasm

package qgemm

func archVariants() []variant { return nil }
