package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"assay/bench/cause"
	"assay/bench/engine"
	"assay/bench/host"

	"github.com/mattn/go-runewidth"
)

// TestWhyTable prints an explanation with invented figures as tables of 80 and
// of 120 columns and as markdown; -update rewrites what is expected.
func TestWhyTable(t *testing.T) {
	e := explanation{
		Model: "mobilenetv2-mini", Variant: "int8-dynamic", Engine: "onnxruntime", Build: "1.30.0", Threads: 2, Batch: 1,
		Baseline: &engine.Profile{NS: 144e3}, Own: &engine.Profile{NS: 354e3},
		Rows: []cause.Row{
			{Class: "Conv 1×1", Baseline: cause.Sum{Nodes: 14, NS: 133e3, MACs: 5}, Variant: cause.Sum{Nodes: 14, NS: 90e3, MACs: 5, Share: 0.12}, Word: cause.Pays},
			{Class: "Mul", Variant: cause.Sum{Nodes: 30, NS: 131e3, Share: 0.07}, Word: cause.Added, Why: []string{"ConvInteger leaves int32, which Cast, Mul and Add turn into floats", "memory-bound: moves 1.2 MB at 61 % of the bandwidth"}},
			{Class: "depthwise 3×3", Baseline: cause.Sum{Nodes: 7, NS: 57.9e3, MACs: -1}, Variant: cause.Sum{Nodes: 7, NS: 59.3e3, MACs: -1, Share: 0.13}, Word: cause.Equal, Why: []string{"no kernel: plain Go (go_1xc), the baseline ran avx512_8xc"}},
			{Class: "pooling", Baseline: cause.Sum{Nodes: 1, NS: 3.5e3}, Variant: cause.Sum{Nodes: 1, NS: 3.5e3}, Word: cause.Equal},
			{Class: "activation", Baseline: cause.Sum{Nodes: 1, NS: 1.5e3}, Word: cause.Gone},
		},
	}
	skipped := explanation{Model: "m", Variant: "small", Engine: "native", Threads: 1, Batch: 1, Skipped: "/models/small.onnx: open: node \"a\": operator NonZero: unsupported by native (it has Add Conv Gemm and many others, which are listed here)"}
	for _, c := range []struct {
		file, format string
		columns      int
	}{{"why-80.txt", "table", 80}, {"why-120.txt", "table", 120}, {"why.md", "markdown", 120}} {
		var b bytes.Buffer
		for _, x := range []explanation{e, skipped} {
			if err := x.print(&b, c.format, host.Device{CPU: "AMD EPYC 9575F"}, c.columns); err != nil {
				t.Fatal(err)
			}
		}
		if c.format == "table" {
			for l := range strings.Lines(b.String()) {
				if n := runewidth.StringWidth(strings.TrimRight(l, " \n")); n > c.columns {
					t.Errorf("%s: %d columns: %s", c.file, n, l)
				}
			}
		}
		name := "testdata/" + c.file
		if *update {
			if err := os.WriteFile(name, b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(name)
		if err != nil || string(want) != b.String() {
			t.Errorf("%s: %v; got\n%s", name, err, b.String())
		}
	}
}
