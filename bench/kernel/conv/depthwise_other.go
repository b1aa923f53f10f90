//go:build !amd64 || noasm

package conv

func archDepthwise() []variant { return nil }
