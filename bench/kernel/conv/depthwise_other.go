//go:build (!amd64 && !arm64) || noasm

package conv

func archDepthwise() []variant { return nil }
