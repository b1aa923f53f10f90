//go:build !amd64 || noasm

package conv

func archTransforms() transforms { return transformed }
