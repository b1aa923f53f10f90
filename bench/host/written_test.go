package host_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"assay/bench/host"
)

// TestWritten writes 1 MB and looks whether it was counted: all of it on a
// disk, none in memory, and more where a file system copies.
func TestWritten(t *testing.T) {
	before, err := host.Written()
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, os.ErrPermission) || errors.Is(err, os.ErrNotExist) {
		t.Skipf("this system does not tell: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	const size = 1 << 20
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(bytes.Repeat([]byte{1}, size)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
	after, err := host.Written()
	if err != nil {
		t.Fatal(err)
	}
	if n := after - before; n != 0 && n < size {
		t.Errorf("%d B are counted of %d", n, size)
	}
}
