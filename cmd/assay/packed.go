package main

import (
	"bytes"
	"compress/gzip"
	"fmt"

	"assay/agents"
	"assay/bench"
	"assay/reports/render"
)

// packResult returns the gzipped JSON of a result, as it travels between a
// device and its hub. Samples that a message cannot hold stay behind, and the
// result says so.
func packResult(r *bench.Result) ([]byte, error) {
	b, err := pack(r)
	if err != nil || len(b) <= agents.MaxMessage {
		return b, err
	}
	bare := r.WithoutSamples()
	bare.Warnings = append(bare.Warnings[:len(bare.Warnings):len(bare.Warnings)],
		fmt.Sprintf("the samples are in the store of the device alone: with them the result takes %d MB, a message holds %d", len(b)>>20, agents.MaxMessage>>20))
	return pack(bare)
}

func pack(r *bench.Result) ([]byte, error) {
	text, err := render.Marshal(r)
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	_, err = z.Write(text)
	if e := z.Close(); err == nil {
		err = e
	}
	return buf.Bytes(), err
}

func unpackResult(b []byte) (*bench.Result, error) {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	return render.ReadJSON(z)
}
