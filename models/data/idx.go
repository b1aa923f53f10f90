package data

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"assay/models"
	"assay/models/tensor"
)

func init() { Register("idx", openIDX) }

// maxIDX bounds the data of one IDX file, unpacked: 22 times MNIST's training
// images. It keeps a packed bomb from filling the memory.
const maxIDX = 1 << 30

// An idx is a pair of IDX files (LeCun, Cortes and Burges, "The MNIST
// database": a magic number, big-endian dimensions, bytes), both in memory.
type idx struct {
	shape  []int  // of one input: [H, W, C]
	data   []byte // all inputs
	labels []byte // nil where there are none
	n      int
}

// openIDX reads unsigned bytes, packed with gzip or not: inputs is a file of
// [N, H, W] or [N, H, W, C], labels, which may be "", one of [N].
func openIDX(fsys fs.FS, inputs, labels string) (Stream, error) {
	dims, data, err := readIDX(fsys, inputs)
	if err != nil {
		return nil, err
	}
	if len(dims) < 3 || len(dims) > 4 {
		return nil, fmt.Errorf("%s: %d dimensions, images have 3 or 4 (N, H, W and perhaps C)", inputs, len(dims))
	}
	x := &idx{n: dims[0], shape: dims[1:], data: data}
	if len(x.shape) == 2 {
		x.shape = append(x.shape, 1)
	}
	if labels == "" {
		return x, nil
	}
	if dims, x.labels, err = readIDX(fsys, labels); err != nil {
		return nil, err
	}
	if len(dims) != 1 {
		return nil, fmt.Errorf("%s: %d dimensions, labels have 1", labels, len(dims))
	}
	if dims[0] != x.n {
		return nil, fmt.Errorf("%s has %d images, %s has %d labels", inputs, x.n, labels, dims[0])
	}
	return x, nil
}

func (x *idx) Len() int { return x.n }

func (x *idx) Label(i int) int {
	if x.labels == nil {
		return -1
	}
	return int(x.labels[i])
}

func (x *idx) At(i int) (models.Sample, error) {
	if err := checkIndex(i, x.n); err != nil {
		return models.Sample{}, err
	}
	size := len(x.data) / x.n
	in := tensor.Tensor{Type: tensor.Uint8, Shape: x.shape, Data: x.data[i*size : (i+1)*size : (i+1)*size]}
	return models.Sample{Index: i, Input: in, Label: x.Label(i)}, nil
}

// readIDX reads one file of unsigned bytes.
func readIDX(fsys fs.FS, name string) (dims []int, data []byte, err error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	var r io.Reader = bufio.NewReader(f)
	if head, err := r.(*bufio.Reader).Peek(2); err == nil && head[0] == 0x1f && head[1] == 0x8b {
		if r, err = gzip.NewReader(r); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	if dims, data, err = parseIDX(r); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	return dims, data, nil
}

// parseIDX reads the header and exactly the bytes that it announces.
func parseIDX(r io.Reader) (dims []int, data []byte, err error) {
	var magic [4]byte
	if _, err := io.ReadFull(r, magic[:]); err != nil {
		return nil, nil, short(err, "not an IDX file: too short for a header")
	}
	if magic[0] != 0 || magic[1] != 0 || magic[3] == 0 {
		return nil, nil, fmt.Errorf("not an IDX file: it starts with % x", magic)
	}
	if magic[2] != 0x08 {
		return nil, nil, fmt.Errorf("IDX elements of type 0x%02x are not read, only unsigned bytes (0x08)", magic[2])
	}
	size := 1
	for range magic[3] {
		var d uint32
		if err := binary.Read(r, binary.BigEndian, &d); err != nil {
			return nil, nil, short(err, "truncated in its header")
		}
		dims = append(dims, int(d))
		if d != 0 && size > maxIDX/int(d) {
			return nil, nil, fmt.Errorf("dimensions %v: at most %d bytes are read", dims, maxIDX)
		}
		size *= int(d)
	}
	if dims[0] == 0 || size == 0 {
		return nil, nil, fmt.Errorf("dimensions %v: it is empty", dims)
	}
	// One byte more tells a file that goes on; memory grows with what is there.
	data, err = io.ReadAll(io.LimitReader(r, int64(size)+1))
	switch {
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		return nil, nil, err
	case len(data) < size:
		return nil, nil, fmt.Errorf("truncated: %d bytes of data, dimensions %v want %d", len(data), dims, size)
	case len(data) > size:
		return nil, nil, fmt.Errorf("data go on after the %d bytes that dimensions %v want", size, dims)
	case err != nil:
		return nil, nil, errors.New("truncated: the checksum of the packed data is missing")
	}
	return dims, data[:size:size], nil
}

// short says what the end of a file means; other errors stay.
func short(err error, what string) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New(what)
	}
	return err
}
