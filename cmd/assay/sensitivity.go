package main

import (
	"fmt"

	"assay/models/compress"

	"github.com/spf13/cobra"
)

func newSensitivity() *cobra.Command {
	var f compressFlags
	var technique, format, engine string
	c := &cobra.Command{
		Use:   "sensitivity MODEL --technique TECHNIQUE",
		Short: "Show which layers a technique hurts most",
		Long: `Sensitivity applies a technique once to all layers and once to all but each
one, and tells how much of the outputs on real samples is gained by leaving
that layer alone, and what it costs in bytes.

With --latency it also measures on this device how much longer an inference
takes then: a layer with a large gain and a small price is what to --exclude.`,
		Example: "  assay sensitivity resnet8 --technique int8-qdq\n  assay sensitivity model.onnx --technique int4 --calibrate photos/ --latency onnxruntime",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			t, err := compress.Lookup(technique)
			if err != nil {
				return usage("%v", err)
			}
			return f.sensitivity(c, args[0], t, format, engine)
		},
	}
	c.Flags().StringVar(&technique, "technique", "int8-qdq", "what is applied, as assay compress --to takes it")
	c.Flags().StringVar(&engine, "latency", "", "also measure latency: onnxruntime or native")
	formatFlag(c, &format)
	f.add(c)
	return c
}

// A sensitive layer is one row.
type sensitive struct {
	Node    string  `json:"node"`
	Op      string  `json:"op"`
	Output  float64 `json:"output_sqnr_db"` // without it
	Gain    float64 `json:"gain_db"`
	Bytes   int64   `json:"bytes"`
	Latency float64 `json:"latency_ratio,omitempty"` // without it over with it; 0 is not measured
}

func (f *compressFlags) sensitivity(c *cobra.Command, model string, t compress.Technique, format, engine string) error {
	if err := f.set.Check(); err != nil {
		return usage("%v", err)
	}
	base, err := findModel(model, f.norm)
	if err != nil {
		return usage("%v", err)
	}
	k := kitchen{base: base, calibrate: f.calibrate, set: f.set}
	defer k.close()
	if err := k.open(c.Context()); err != nil {
		return err
	}
	if k.opt.Calibration == nil {
		return usage("outputs are compared on real samples: --calibrate TASK:N or --calibrate FOLDER")
	}
	whole, r, leaves, err := compress.Sensitivity(c.Context(), k.m, t, k.opt, func(l compress.Leave) {
		fmt.Fprintf(c.ErrOrStderr(), "assay: without %s %s: %s\n", l.Op, l.Node, compress.Decibels(l.Output))
	})
	if err != nil {
		return err
	}
	l := list{header: []string{"LEFT ALONE", "OP", "OUTPUTS KEEP", "GAIN", "BYTES"}}
	rows := make([]sensitive, len(leaves))
	for i, x := range leaves {
		rows[i] = sensitive{Node: x.Node, Op: x.Op, Output: x.Output, Gain: x.Gain, Bytes: x.Bytes}
		l.rows = append(l.rows, []string{x.Node, x.Op, compress.Decibels(x.Output), fmt.Sprintf("%+.1f dB", x.Gain), fmt.Sprintf("%+d", x.Bytes)})
	}
	if engine != "" {
		ratios, err := k.latencies(c.Context(), engine, whole, leaves)
		if err != nil {
			return err
		}
		l.header = append(l.header, "LATENCY")
		for i, x := range ratios {
			rows[i].Latency = x
			l.rows[i] = append(l.rows[i], fmt.Sprintf("%.2f×", x))
		}
	}
	l.data = rows
	l.rows = append(l.rows, append([]string{"none", "", compress.Decibels(r.Output), "", fmt.Sprint(r.After)}, make([]string, len(l.header)-5)...))
	return l.print(c.OutOrStdout(), format)
}
