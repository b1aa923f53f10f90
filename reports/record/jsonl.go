package record

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"assay/bench"
	"assay/reports/render"
)

func init() {
	Register(Form{
		Name: "jsonl", Doc: "JSON lines, a whole result in each: nothing is lost",
		Write: func(w io.Writer) Writer { return jsonLines{w} },
		Read:  readJSONL,
	})
}

type jsonLines struct{ w io.Writer }

func (j jsonLines) Write(r *bench.Result) error {
	b, err := render.Marshal(r)
	if err != nil {
		return fmt.Errorf("run %s: %w", r.Run, err)
	}
	_, err = j.w.Write(append(b, '\n'))
	return err
}

func (jsonLines) Close() error { return nil }

// readJSONL reads a result per line. A file of one indented result, as assay
// run --format json writes it, is read too.
func readJSONL(r io.Reader, o Origin, each func(*bench.Result) error) error {
	in := bufio.NewReader(r)
	for n := 1; ; n++ {
		line, err := in.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("%s:%d: %w", o.Name, n, err)
		}
		last := err != nil
		if text := bytes.TrimSpace(line); len(text) > 0 {
			src := io.Reader(bytes.NewReader(text))
			if n == 1 && len(text) == 1 && text[0] == '{' { // indented: one result is all there is
				src, last = io.MultiReader(bytes.NewReader(line), in), true
			}
			res, err := render.ReadJSON(src)
			if err != nil {
				return fmt.Errorf("%s:%d: %w", o.Name, n, err)
			}
			if err := each(res); err != nil {
				return err
			}
		}
		if last {
			return nil
		}
	}
}
