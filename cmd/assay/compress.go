package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"assay/bench"
	"assay/models"
	"assay/models/compress"
	"assay/models/onnx"
	"assay/models/zoo"

	"github.com/spf13/cobra"
)

// compressFlags are the flags of compress and sensitivity.
type compressFlags struct {
	to        []string
	calibrate string // TASK:N or a folder
	out       string // folder
	norm      models.IO
	set       compress.Settings
	verbose   bool
	target    []string // ENGINE/PROVIDER
	plan      planFlags
}

func newCompress() *cobra.Command {
	var f compressFlags
	c := &cobra.Command{
		Use:   "compress MODEL --to TECHNIQUE[,…]",
		Short: "Make compressed variants of an ONNX model",
		Long: `Compress makes a file for each technique, beside the model or in the folder
that -o names, and a card beside each file that says how it was made. A file is
written whole or not at all; before, it is checked and run once.

MODEL is an ONNX file, or a model of the zoo by name. Techniques joined by +
are applied in order.

With --plan search each layer gets a technique of its own: those are chosen by
what was measured on this device, and a file is written for each plan that no
other one beats in both accuracy and cost.

` + techniqueHelp(),
		Example: `  assay compress model.onnx --to int8-qdq,int8-dynamic --calibrate photos/
  assay compress resnet8 --to pruned-30+sparse-80+int8-qdq --calibrate fashion-mnist:512 -o .
  assay compress model.onnx --plan search --calibrate photos/ --accuracy-drop 1% --engine native`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return f.compress(c, args[0]) },
	}
	fl := c.Flags()
	fl.StringSliceVar(&f.to, "to", nil, "techniques, one file each")
	fl.StringVarP(&f.out, "output", "o", "", "folder of the files (default the model's own)")
	fl.BoolVarP(&f.verbose, "verbose", "v", false, "print what became of each node")
	fl.StringSliceVar(&f.target, "target", []string{"native", "onnxruntime"}, "where the files will run, as ENGINE or ENGINE/PROVIDER: what will be slow there or fall back is said before anything is made")
	f.plan.add(c)
	f.add(c)
	return c
}

// add adds what compress and sensitivity share.
func (f *compressFlags) add(c *cobra.Command) {
	fl := c.Flags()
	fl.StringVar(&f.calibrate, "calibrate", "", "real samples: TASK:N of the zoo's calibration images, or a folder of JPEG or PNG (default those of a zoo model's own task)")
	fl.Float64Var(&f.norm.Scale, "scale", 255, "pixel p becomes (p/scale − mean) / std, where no card says so")
	fl.Float64SliceVar(&f.norm.Mean, "mean", nil, "mean of each channel, after scaling (default 0)")
	fl.Float64SliceVar(&f.norm.Std, "std", nil, "deviation of each channel, after scaling (default 1)")
	fl.BoolVar(&f.set.Int8Activations, "int8-activations", false, "int8-qdq: activations int8 instead of uint8")
	fl.StringVar(&f.set.Range, "range", "", "int8-qdq: ranges of activations by "+strings.Join(compress.Ranges, ", ")+" (default minmax)")
	fl.Float64Var(&f.set.Percentile, "percentile", 0, "int8-qdq: what --range percentile keeps, in percent")
	fl.BoolVar(&f.set.FullRange, "full-range", false, "int8: weights use all 8 bits (for VNNI and ARM; saturates on older x86)")
	fl.BoolVar(&f.set.PerTensor, "per-tensor", false, "int8-qdq: one weight scale per tensor")
	fl.BoolVar(&f.set.CorrectBias, "correct-bias", false, "int8-qdq: take the mean error of quantized weights from biases")
	fl.StringVar(&f.set.Rounding, "rounding", "", "int8-qdq: weights are rounded nearest or adaptive")
	fl.IntVar(&f.set.Block, "block", 0, "weight-only: weights that share a scale (default 32)")
	fl.BoolVar(&f.set.Asymmetric, "asymmetric", false, "weight-only: blocks have a zero point")
	fl.StringVar(&f.set.Form, "form", "", "weight-only: matrices as nbits (MatMulNBits, default) or qdq (the standard's blocked DequantizeLinear)")
	fl.StringVar(&f.set.Pattern, "pattern", "", "sparse: zeros as 2:4 or 4x1 instead of anywhere")
	fl.StringVar(&f.set.Storage, "storage", "", "sparse: weights as dense zeros or sparse, by the values that are left")
	fl.StringVar(&f.set.Spread, "spread", "", "sparse: zeros shared among layers uniform or erk")
	fl.BoolVar(&f.set.Plain, "plain", false, "pruned: do not fit the next layer to what is left")
	fl.StringSliceVar(&f.set.Exclude, "exclude", nil, "nodes to be left alone, by name or first output")
	fl.StringSliceVar(&f.set.ExcludeOps, "exclude-op", nil, "operators to be left alone, such as Gemm")
}

// techniqueHelp lists the techniques.
func techniqueHelp() string {
	var b strings.Builder
	b.WriteString("Techniques:\n")
	for _, t := range compress.Techniques() {
		fmt.Fprintf(&b, "  %-14s %s\n", t.Name, t.Doc)
	}
	return b.String()
}

func (f *compressFlags) compress(c *cobra.Command, model string) error {
	if f.plan.plan != "" {
		return f.search(c, model)
	}
	if len(f.to) == 0 {
		return usage("nothing to make: --to names techniques, for example --to int8-qdq,int8-dynamic")
	}
	var techniques []compress.Technique
	for _, name := range f.to {
		t, err := compress.Lookup(name)
		if err != nil {
			return usage("%v", err)
		}
		techniques = append(techniques, t)
	}
	if err := f.set.Check(); err != nil {
		return usage("%v", err)
	}
	base, err := findModel(model, f.norm)
	if err != nil {
		return usage("%v", err)
	}
	dir, err := f.folder(base, model)
	if err != nil {
		return err
	}
	k := kitchen{base: base, calibrate: f.calibrate, set: f.set, say: func(text string) {
		fmt.Fprintln(c.ErrOrStderr(), "assay:", text)
	}}
	if k.targets, err = targets(f.target); err != nil {
		return err
	}
	defer k.close()
	for _, t := range techniques {
		path := filepath.Join(dir, base.name+"-"+t.Name+".onnx")
		made, err := k.make(c.Context(), t, path)
		if err != nil {
			return err
		}
		if f.verbose {
			if _, err := made.report.WriteTo(c.OutOrStdout()); err != nil {
				return err
			}
		}
		fmt.Fprintf(c.OutOrStdout(), "%s: %d bytes, was %d (%.2f×)\n", path, made.report.After, made.report.Before, float64(made.report.After)/float64(made.report.Before))
		for _, w := range made.report.Warnings {
			fmt.Fprintf(c.ErrOrStderr(), "assay: %s: %v\n", t.Name, w)
		}
	}
	return nil
}

// targets parses what --target says, for the CPU of this device.
func targets(names []string) ([]compress.Target, error) {
	set, err := bench.Local()
	if err != nil {
		return nil, err
	}
	var out []compress.Target
	for _, n := range names {
		t, err := compress.ParseTarget(n)
		if err != nil {
			return nil, usage("%v", err)
		}
		t.Features = set.Device.Features
		out = append(out, t)
	}
	return out, nil
}

// folder returns the folder of the files to be made, which is there then.
func (f *compressFlags) folder(b base, model string) (string, error) {
	dir := f.out
	if dir == "" {
		if dir = filepath.Dir(model); b.zoo != "" {
			dir = "."
		}
	}
	return dir, os.MkdirAll(dir, 0o755)
}

// A base is the model that is compressed.
type base struct {
	name  string // stem of the files that are made
	path  string
	zoo   string // its name in the zoo, "" for a file that the zoo does not know
	task  string // its task there
	known models.IO
	norm  models.IO // how images become inputs where nothing is known
}

// findModel finds an ONNX file, or a model of the zoo by name. A file whose
// bytes are a baseline of the zoo is known by its card.
func findModel(name string, norm models.IO) (base, error) {
	b := base{path: name, norm: norm, name: strings.TrimSuffix(filepath.Base(name), filepath.Ext(name))}
	_, err := os.Stat(name)
	cards, zooErr := zoo.Cards()
	if zooErr != nil {
		return b, zooErr
	}
	sum := ""
	if err == nil {
		if sum, _, err = models.SumFile(name); err != nil {
			return b, err
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return b, err
	}
	var have []string
	for _, c := range cards {
		have = append(have, c.Name)
		if sum == c.Variants["baseline"].SHA256 || sum == "" && c.Name == name {
			b.zoo, b.task, b.known = c.Name, c.Task, c.Input
		}
	}
	switch {
	case sum != "":
		return b, nil
	case b.zoo == "":
		return b, fmt.Errorf("%s: there is no such file, and no such model in the zoo (have %s)", name, strings.Join(have, ", "))
	}
	a, err := zoo.Artifact(b.zoo, "baseline")
	b.path, b.name = a.Path, b.zoo
	return b, err
}

// open reads the base.
func (b base) open() (*onnx.Model, error) { return onnx.Load(b.path) }
