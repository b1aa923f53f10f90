//go:build !amd64 || noasm

package qconv

func archDepthwise() []variant { return nil }
