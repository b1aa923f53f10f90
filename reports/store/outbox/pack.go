package outbox

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"strings"
)

// maxBlob bounds what the lines of one row may unpack to, in bytes: far above
// any run, far below what would hurt.
const maxBlob = 256 << 20

// pack is lines gzipped, one per line. Their tags repeat, so they shrink about
// twentyfold: less to write to an SD card.
func pack(lines []string) ([]byte, error) {
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	for _, l := range lines {
		if l == "" || strings.ContainsAny(l, "\r\n") {
			return nil, fmt.Errorf("queue line %q: a line is not empty and has no line break", l)
		}
		if _, err := io.WriteString(z, l+"\n"); err != nil {
			return nil, err
		}
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

func unpack(blob []byte) ([]string, error) {
	z, err := gzip.NewReader(bytes.NewReader(blob))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	b, err := io.ReadAll(io.LimitReader(z, maxBlob+1))
	if err != nil {
		return nil, err
	}
	if len(b) == 0 || len(b) > maxBlob || b[len(b)-1] != '\n' {
		return nil, fmt.Errorf("%d bytes of lines", len(b))
	}
	return strings.Split(string(b[:len(b)-1]), "\n"), nil
}
