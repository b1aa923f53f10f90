package onnx

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// magics are the first bytes of files that people take for ONNX models.
var magics = []struct{ prefix, what string }{
	{"PK\x03\x04", "a zip archive (a PyTorch checkpoint or an archive to be unpacked)"},
	{"PK\x05\x06", "an empty zip archive"},
	{"\x89PNG\r\n", "a PNG image"},
	{"\xff\xd8\xff", "a JPEG image"},
	{"GIF8", "a GIF image"},
	{"\x1f\x8b", "gzip data: unpack it first"},
	{"(\xb5/\xfd", "Zstandard data: unpack it first"},
	{"\xfd7zXZ\x00", "xz data: unpack it first"},
	{"\x7fELF", "an ELF program or library"},
	{"\x89HDF", "an HDF5 file (a Keras model)"},
	{"\x93NUMPY", "a NumPy array"},
	{"\x80\x02}", "a Python pickle"},
	{"version https://git-lfs", "a Git LFS pointer: git lfs pull fetches the file"},
	{"<!DOCTYPE", "an HTML page"},
	{"<html", "an HTML page"},
}

// sniff says what b is where that is plainly not an ONNX model, else "".
func sniff(b []byte) string {
	if len(b) == 0 {
		return "the file is empty"
	}
	for _, m := range magics {
		if strings.HasPrefix(string(b[:min(len(b), 32)]), m.prefix) {
			return m.what
		}
	}
	if len(b) >= 8 && string(b[4:8]) == "TFL3" {
		return "a TensorFlow Lite model"
	}
	head := b[:min(len(b), 512)]
	if utf8.Valid(head[:len(head)-tail(head)]) && bytes.IndexFunc(head, control) < 0 {
		return "text"
	}
	if bytes.Count(head, []byte{0}) == len(head) {
		return "it holds zeros only"
	}
	return ""
}

// tail counts the bytes of a rune that the end of b cuts off.
func tail(b []byte) int {
	for i := 1; i <= min(len(b), utf8.UTFMax-1); i++ {
		if c := b[len(b)-i]; utf8.RuneStart(c) {
			if !utf8.FullRune(b[len(b)-i:]) {
				return i
			}
			break
		}
	}
	return 0
}

func control(r rune) bool {
	return r < ' ' && r != '\n' && r != '\r' && r != '\t' && r != '\f'
}
