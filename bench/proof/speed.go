package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"assay/bench"
	"assay/bench/engine"
	"assay/bench/runner"
	"assay/bench/stat"
	"assay/bench/task"
	"assay/models"
	"assay/models/onnx"
	"assay/models/tensor"
	"assay/models/zoo"
)

// A race is one row of the table: a model that both engines run.
type race struct {
	group, name string
	art         models.Artifact
	sets        [][]tensor.Tensor // inputs that both rotate through
	far         float64           // how far outputs may differ, of the largest
	unit        string            // of what is compared; "" is seconds
}

// engines of a race; the ratio is the first one's time ÷ the second one's.
var engines = []string{"onnxruntime", "native"}

// self is this program, which is the worker of its races too.
var self = func() string {
	exe, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	return exe
}()

// block is how long a worker runs at each visit.
const block = 50 * time.Millisecond

// speed races the engines, one thread each, on single layers, on every model of
// the zoo and on whole networks, and prints the table of docs/performance.md. Names, where
// there are any, choose groups by a part of their name.
func speed(ctx context.Context, w io.Writer, rounds int, names []string) error {
	dir, err := os.MkdirTemp("", "assay-speed")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	races, err := layerRaces(dir)
	if err != nil {
		return err
	}
	small, err := zooRaces()
	if err != nil {
		return err
	}
	set, err := bench.Local()
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s · %s · 1 thread · ratio is ONNX Runtime's time ÷ native's: median of %d paired rounds (quartiles)\n", set.Device.CPU, time.Now().UTC().Format("2006-01-02"), rounds)
	t := table{w: w, cpus: set.CPUs(1)}
	wanted := func(group string) bool {
		return len(names) == 0 || slices.ContainsFunc(names, func(n string) bool { return strings.Contains(group, n) })
	}
	for _, r := range append(races, small...) {
		if !wanted(r.group) {
			continue
		}
		if err := t.row(ctx, r, rounds); err != nil {
			return fmt.Errorf("%s %s: %w", r.group, r.name, err)
		}
	}
	if err := t.netRows(ctx, dir, rounds, wanted); err != nil {
		return err
	}
	t.end()
	return t.scaling(ctx, dir, rounds, set.CPUs(2), wanted)
}

// layerRaces writes the layers' models to dir.
func layerRaces(dir string) ([]race, error) {
	var out []race
	for i, l := range layers() {
		path := filepath.Join(dir, fmt.Sprintf("%d.onnx", i))
		if err := onnx.WriteFile(path, l.model); err != nil {
			return nil, err
		}
		far := maxFloat
		if l.in.Type != tensor.Float32 {
			far = 0
		}
		out = append(out, race{group: l.group, name: l.name, art: models.Artifact{Path: path, Format: "onnx"}, sets: [][]tensor.Tensor{{l.in}}, far: far})
	}
	return out, nil
}

// maxQuantized bounds the difference of quantized models: rounding may differ
// by a step, of which others follow.
const maxQuantized = 2e-2

// zooRaces takes every model and variant, on 16 test images.
func zooRaces() ([]race, error) {
	cards, err := zoo.Cards()
	if err != nil {
		return nil, err
	}
	var out []race
	for _, c := range cards {
		data, err := zoo.Data(c.Task)
		if err != nil {
			return nil, err
		}
		set, err := task.Open(zoo.FS(), data, "test", 16)
		if err != nil {
			return nil, err
		}
		for _, v := range sortedVariants(c) {
			r := race{group: "zoo", name: c.Name + " " + v, far: maxFloat}
			if strings.HasPrefix(v, "int8") {
				r.far = maxQuantized
			}
			if r.art, err = zoo.Artifact(c.Name, v); err != nil {
				return nil, err
			}
			in := set.For(r.art.Input)
			for i := range in.Len() {
				x, err := in.Input(i)
				if err != nil {
					return nil, err
				}
				r.sets = append(r.sets, x)
			}
			out = append(out, r)
		}
	}
	return out, nil
}

// run visits both workers in turn, in random order, and returns their medians
// in every round, in seconds; why says why there is no ratio.
func (r race) run(ctx context.Context, rounds int, cpus []int) (times [2][]float64, settings, why string, err error) {
	var ws [2]*runner.Worker
	for i, name := range engines {
		if ws[i], err = runner.Start(ctx, runner.Command{Path: self, Args: []string{"worker", "-engine", name}, CPUs: cpus}); err != nil {
			return times, "", "", fmt.Errorf("%s: %w", name, err)
		}
		defer ws[i].Kill()
		l, err := ws[i].Load(ctx, r.art, engine.Options{Provider: "cpu", Threads: 1, Batch: r.sets[0][0].Shape[0]})
		if err != nil {
			return times, "", "", fmt.Errorf("%s: %w", name, err)
		}
		settings += name + "@" + ws[i].Hello().Info.Build + describe(ws[i].Hello().Info.Settings, l.Settings) + "\n"
		if err := ws[i].Bind(ctx, r.sets); err != nil {
			return times, "", "", err
		}
	}
	if why, err = r.agree(ctx, ws); err != nil {
		return times, "", "", err
	}
	for _, w := range ws {
		if _, err := w.Warm(ctx, 4*block, 10); err != nil {
			return times, "", "", err
		}
	}
	for range rounds {
		for _, i := range rand.Perm(2) {
			b, err := ws[i].Run(ctx, block, 5)
			if err != nil {
				return times, "", "", err
			}
			var s []float64
			for _, l := range b.Latencies {
				s = append(s, l.Seconds())
			}
			times[i] = append(times[i], stat.Median(s))
		}
	}
	return times, settings, why, nil
}

func describe(all ...map[string]string) string {
	var out []string
	for _, m := range all {
		for k, v := range m {
			if s := " " + k + "=" + v; k != "library" && !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
	}
	slices.Sort(out)
	return strings.Join(out, "")
}

// agree compares the outputs of all input sets.
func (r race) agree(ctx context.Context, ws [2]*runner.Worker) (string, error) {
	worst := 0.0
	for _, x := range r.sets {
		a, err := ws[0].Infer(ctx, x)
		if err != nil {
			return "", err
		}
		b, err := ws[1].Infer(ctx, x)
		if err != nil {
			return "", err
		}
		for i := range a {
			u, err := a[i].Floats()
			if err != nil {
				return "", err
			}
			v, err := b[i].Floats()
			if err != nil || len(u) != len(v) {
				return "", fmt.Errorf("outputs of %d and %d elements: %v", len(u), len(v), err)
			}
			worst = max(worst, apart(u, v))
		}
	}
	if !(worst <= r.far) {
		return fmt.Sprintf("outputs differ by %.2g of the largest", worst), nil
	}
	return "", nil
}

// apart is the largest difference ÷ the largest of a.
func apart(a, b []float64) float64 {
	var largest, worst float64
	for i := range a {
		largest, worst = max(largest, math.Abs(a[i])), max(worst, math.Abs(a[i]-b[i]))
	}
	return worst / max(largest, math.SmallestNonzeroFloat64)
}
