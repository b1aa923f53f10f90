package data

import (
	"bytes"
	"fmt"
	"image"
	_ "image/jpeg" // a format of folder
	_ "image/png"  // a format of folder
	"io"
	"io/fs"
	"path"
	"strings"

	"assay/models"
	"assay/models/tensor"
)

func init() { Register("folder", openFolder) }

// Bounds of one image: no photograph has more, and a hostile file that
// announces more cannot fill the memory.
const (
	maxPixels    = 1 << 26
	maxImageFile = 1 << 28 // bytes
)

// A folder is a tree of image files, read one by one.
type folder struct {
	fsys    fs.FS
	files   []string
	labels  []int
	classes []string // nil for a flat folder
}

// openFolder reads a folder of JPEG and PNG images. With sub-folders, each is
// a class, numbered in the byte order of their names, and holds the images of
// the class; without, the images have no labels (−1). Images come sorted by
// class and name. Hidden files and other file types are passed over; there is
// no labels file.
func openFolder(fsys fs.FS, inputs, labels string) (Stream, error) {
	if labels != "" {
		return nil, fmt.Errorf("labels %q: the labels of a folder are the names of its sub-folders", labels)
	}
	root := path.Clean(inputs)
	images, dirs, err := list(fsys, root)
	if err != nil {
		return nil, err
	}
	f := &folder{fsys: fsys}
	if len(dirs) == 0 {
		if len(images) == 0 {
			return nil, fmt.Errorf("%s: no JPEG or PNG image in it", root)
		}
		f.add(root, images, -1)
		return f, nil
	}
	if len(images) > 0 {
		return nil, fmt.Errorf("%s: holds images (%s, …) and folders (%s, …): labels are not clear", root, images[0], dirs[0])
	}
	for label, dir := range dirs {
		images, _, err := list(fsys, path.Join(root, dir))
		if err != nil {
			return nil, err
		}
		if len(images) == 0 {
			return nil, fmt.Errorf("%s: class folder without JPEG or PNG images", path.Join(root, dir))
		}
		f.add(path.Join(root, dir), images, label)
	}
	f.classes = dirs
	return f, nil
}

// list returns the names of the images and folders in dir, sorted.
func list(fsys fs.FS, dir string) (images, dirs []string, err error) {
	entries, err := fs.ReadDir(fsys, dir) // sorted by name
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") {
			continue
		}
		mode := e.Type()
		if mode&fs.ModeSymlink != 0 {
			st, err := fs.Stat(fsys, path.Join(dir, name))
			if err != nil {
				return nil, nil, err
			}
			mode = st.Mode().Type()
		}
		switch {
		case mode.IsDir():
			dirs = append(dirs, name)
		case mode.IsRegular() && isImage(name):
			images = append(images, name)
		}
	}
	return images, dirs, nil
}

func isImage(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".jpg", ".jpeg", ".png":
		return true
	}
	return false
}

func (f *folder) add(dir string, images []string, label int) {
	for _, name := range images {
		f.files = append(f.files, path.Join(dir, name))
		f.labels = append(f.labels, label)
	}
}

func (f *folder) Len() int          { return len(f.files) }
func (f *folder) Label(i int) int   { return f.labels[i] }
func (f *folder) Classes() []string { return f.classes }

func (f *folder) At(i int) (models.Sample, error) {
	if err := checkIndex(i, len(f.files)); err != nil {
		return models.Sample{}, err
	}
	t, err := readImage(f.fsys, f.files[i])
	if err != nil {
		return models.Sample{}, err
	}
	return models.Sample{Index: i, Input: t, Label: f.labels[i]}, nil
}

func readImage(fsys fs.FS, name string) (tensor.Tensor, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return tensor.Tensor{}, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxImageFile+1))
	if err == nil && len(b) > maxImageFile {
		err = fmt.Errorf("an image file of more than %d bytes", maxImageFile)
	}
	var t tensor.Tensor
	if err == nil {
		t, err = decodeImage(b)
	}
	if err != nil {
		return t, fmt.Errorf("%s: %w", name, err)
	}
	return t, nil
}

// decodeImage returns a JPEG or PNG file as uint8 [H, W, 1] where it is
// grey, else [H, W, 3] (red, green, blue; transparency is dropped). Rotation
// by EXIF is not applied.
func decodeImage(b []byte) (tensor.Tensor, error) {
	c, _, err := image.DecodeConfig(bytes.NewReader(b))
	if err != nil {
		return tensor.Tensor{}, err
	}
	if c.Width < 1 || c.Height < 1 || c.Width > maxPixels/c.Height {
		return tensor.Tensor{}, fmt.Errorf("%d × %d pixels, at most %d are read", c.Width, c.Height, maxPixels)
	}
	m, _, err := image.Decode(bytes.NewReader(b))
	if err != nil {
		return tensor.Tensor{}, err
	}
	return fromImage(m), nil
}
