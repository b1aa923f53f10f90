//go:build unix

package onnx

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// mapFile maps f read-only. File systems that cannot map are read instead.
func mapFile(f *os.File) (mapping, error) {
	st, err := f.Stat()
	if err != nil {
		return mapping{}, err
	}
	if err := regular(st); err != nil {
		return mapping{}, err
	}
	if st.Size() == 0 { // mmap refuses an empty file
		return mapping{}, nil
	}
	if int64(int(st.Size())) == st.Size() {
		b, err := unix.Mmap(int(f.Fd()), 0, int(st.Size()), unix.PROT_READ, unix.MAP_SHARED)
		if err == nil {
			return mapping{data: b, unmap: func() error { return unix.Munmap(b) }}, nil
		}
	}
	b, err := io.ReadAll(f)
	return mapping{data: b}, err
}
