// Command make makes the zoo's int8 variants from its baselines, and writes
// their entries in the cards:
//
//	go run ./models/zoo/make [-zoo models/zoo] [-top1] [-v] [model ...]
//
// It runs the native engine to calibrate, so that nothing but Go is needed.
// The same baselines, calibration images and cards give the same bytes.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"

	"assay/models"
	"assay/models/compress"
	"assay/models/onnx"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("make", flag.ContinueOnError)
	f.SetOutput(stderr)
	dir := f.String("zoo", "models/zoo", "folder of the cards")
	accuracy := f.Bool("top1", false, "measure top-1 on all test images and write it into the cards (minutes)")
	verbose := f.Bool("v", false, "print what became of each node")
	if err := f.Parse(args); err != nil {
		return 2
	}
	z := shop{dir: *dir, top1: *accuracy, out: stdout, verbose: *verbose}
	if err := z.all(ctx, f.Args()); err != nil {
		fmt.Fprintf(stderr, "make: %v\n", err)
		return 1
	}
	return 0
}

// A shop makes variants in a zoo's folder.
type shop struct {
	dir     string
	top1    bool
	verbose bool
	out     io.Writer
}

// committed are the techniques whose variants the zoo holds; the others are
// made where a suite asks for them.
var committed = []string{"int8-dynamic", "int8-qdq"}

// all makes the committed variants of the models called names, or of all
// models with a task.
func (z shop) all(ctx context.Context, names []string) error {
	cards, err := z.cards()
	if err != nil {
		return err
	}
	for _, name := range names {
		if !slices.ContainsFunc(cards, func(c *models.Card) bool { return c.Name == name }) {
			return fmt.Errorf("no model %q in %s", name, z.dir)
		}
	}
	for _, c := range cards {
		if c.Task == "" || len(names) > 0 && !slices.Contains(names, c.Name) {
			continue
		}
		for _, name := range committed {
			t, err := compress.Lookup(name)
			if err != nil {
				return err
			}
			if err := z.make(ctx, c, t); err != nil {
				return fmt.Errorf("%s: %w", c.Name, err)
			}
		}
	}
	return nil
}

// cards reads the model cards of the folder, by name.
func (z shop) cards() ([]*models.Card, error) {
	paths, err := filepath.Glob(filepath.Join(z.dir, "*.yaml"))
	if err != nil {
		return nil, err
	}
	var out []*models.Card
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if kind, err := models.CardKind(path, b); err != nil {
			return nil, err
		} else if kind != "model" {
			continue
		}
		c, err := models.ParseCard(path, b)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no model cards in %s", z.dir)
	}
	return out, nil
}

// make makes one variant: the file, then its entry in the card.
func (z shop) make(ctx context.Context, c *models.Card, t compress.Technique) error {
	m, r, err := z.variant(ctx, c, t)
	if err != nil {
		return err
	}
	file := c.Name + "/" + t.Name + ".onnx"
	path := filepath.Join(z.dir, filepath.FromSlash(file))
	if err := onnx.WriteFile(path, m); err != nil {
		return err
	}
	e, err := z.entry(c, t, file)
	if err != nil {
		return err
	}
	if z.top1 {
		if e.top1, err = z.accuracy(ctx, c, m); err != nil {
			return fmt.Errorf("%s: %w", t.Name, err)
		}
	}
	if err := writeEntry(c.File, t.Name, e); err != nil {
		return err
	}
	if z.verbose {
		fmt.Fprintf(z.out, "%s ", c.Name)
		if _, err := r.WriteTo(z.out); err != nil {
			return err
		}
		return nil
	}
	fmt.Fprintf(z.out, "%s: %d bytes, was %d; %d of %d nodes float\n", file, r.After, r.Before, len(r.Left()), len(r.Nodes))
	for _, w := range r.Warnings {
		fmt.Fprintf(z.out, "! %v\n", w)
	}
	return nil
}
