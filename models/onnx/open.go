package onnx

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// A mapping is a file's content: mapped read-only where the system can, else
// read.
type mapping struct {
	data  []byte
	unmap func() error // nil where data was read
}

// Open reads the model in file name and its external data, which must lie in
// the model's own folder or below it: absolute paths, "..", and symbolic links
// that leave the folder are refused. The model's tensors alias mapped files:
// they cost no memory of their own until they are touched, must not be written
// to, and end with Close. A file that another process cuts short while it is
// mapped kills this process when its lost pages are touched, so replace model
// files by renaming, as WriteFile does.
func Open(name string) (*Model, error) {
	main, err := openMain(name)
	if err != nil {
		return nil, fmt.Errorf("open model %s: %w", name, cause(err))
	}
	b := &beside{name: filepath.Dir(name), files: map[string][]byte{}, maps: []mapping{main}}
	m, err := decode(main.data, b.read)
	if b.dir != nil {
		_ = b.dir.Close() // opened for reading only
	}
	if err != nil {
		_ = release(b.maps) // the first error is the one to tell
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	m.maps = b.maps
	return m, nil
}

// Close frees the mapped files; the model's tensors are invalid afterwards.
// It does nothing on a model that Open did not make, and nothing when called
// again.
func (m *Model) Close() error {
	maps := m.maps
	m.maps = nil
	return release(maps)
}

func release(maps []mapping) error {
	var err error
	for _, x := range maps {
		if x.unmap != nil {
			err = errors.Join(err, x.unmap())
		}
	}
	return err
}

// cause strips the path from err where it has one: the caller names it.
func cause(err error) error {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		return p.Err
	}
	return err
}

// openMain maps the model file itself, which may be a symbolic link to
// anywhere: the user named it.
func openMain(name string) (mapping, error) {
	if st, err := os.Stat(name); err != nil { // before opening: a pipe would block
		return mapping{}, err
	} else if err := regular(st); err != nil {
		return mapping{}, err
	} else if st.Size() > maxFile {
		return mapping{}, fmt.Errorf("%d bytes: an ONNX file holds at most %d, larger weights are external data", st.Size(), maxFile)
	}
	f, err := os.Open(name)
	if err != nil {
		return mapping{}, err
	}
	defer f.Close()
	return mapFile(f)
}

func regular(st fs.FileInfo) error {
	if st.IsDir() {
		return errors.New("it is a folder")
	}
	if !st.Mode().IsRegular() {
		return fmt.Errorf("it is not a regular file (%v)", st.Mode().Type())
	}
	return nil
}

// beside reads external data: each file of the model's folder is mapped once.
type beside struct {
	name  string   // of the folder
	dir   *os.Root // nil until the first external data
	files map[string][]byte
	maps  []mapping
}

// read is the external of Open.
func (b *beside) read(location string, offset, length int64) ([]byte, error) {
	data, ok := b.files[location]
	if !ok {
		var err error
		if data, err = b.open(location); err != nil {
			return nil, fmt.Errorf("external data in %q: %w", location, err)
		}
		b.files[location] = data
	}
	size := int64(len(data))
	if offset > size || length > size-offset {
		return nil, fmt.Errorf("external data in %q: truncated: %d bytes are wanted at offset %d, the file has %d", location, length, offset, size)
	}
	return data[offset : offset+length : offset+length], nil
}

func (b *beside) open(location string) ([]byte, error) {
	switch {
	case location == "":
		return nil, errors.New("no location is given")
	case path.IsAbs(location) || filepath.IsAbs(location):
		return nil, errors.New("an absolute path is refused: external data lie in the model's folder")
	case slices.Contains(strings.FieldsFunc(location, func(r rune) bool { return r == '/' || r == '\\' }), ".."):
		return nil, errors.New(`".." is refused: external data lie in the model's folder`)
	}
	local, err := filepath.Localize(path.Clean(location))
	if err != nil {
		return nil, errors.New("not a file name on this system")
	}
	if b.dir == nil {
		if b.dir, err = os.OpenRoot(b.name); err != nil {
			return nil, cause(err)
		}
	}
	st, err := b.dir.Stat(local)
	if err != nil {
		return nil, outside(err)
	}
	if err := regular(st); err != nil {
		return nil, err
	}
	f, err := b.dir.Open(local)
	if err != nil {
		return nil, outside(err)
	}
	defer f.Close()
	m, err := mapFile(f)
	if err != nil {
		return nil, cause(err)
	}
	b.maps = append(b.maps, m)
	return m.data, nil
}

// outside says in our words that os.Root refused a link out of the folder.
func outside(err error) error {
	err = cause(err)
	if err.Error() == "path escapes from parent" { // os.errPathEscapes is not exported
		return errors.New("a symbolic link leads out of the model's folder, which is refused")
	}
	return err
}
