package main

import (
	"context"
	"flag"
	"time"

	"assay/bench/engine"
	_ "assay/bench/engine/native"
	"assay/bench/engine/ort"
	"assay/bench/engine/ortlib"
	"assay/bench/runner"
	"assay/models"
)

func init() { engine.Register(ort.Name, ort.New(ortlib.Find)) }

// serve is the worker of a proof: an engine as it is, or slowed.
func serve(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("worker", flag.ContinueOnError)
	name := fs.String("engine", "onnxruntime", "engine")
	slow := fs.Float64("slow", 1, "stretch every inference by this factor")
	if err := fs.Parse(args); err != nil {
		return err
	}
	e, err := engine.Lookup(*name)
	if err != nil {
		return err
	}
	if *slow != 1 {
		e = slowed{e, *slow}
	}
	in, out, err := runner.Stdio()
	if err != nil {
		return err
	}
	return runner.Serve(ctx, in, out, e)
}

// slowed is an engine whose inferences take factor times as long: it spins
// for the rest, as slower code would.
type slowed struct {
	engine.Engine
	factor float64
}

func (s slowed) Open(ctx context.Context, a models.Artifact, o engine.Options) (engine.Session, error) {
	in, err := s.Engine.Open(ctx, a, o)
	if err != nil {
		return nil, err
	}
	return &slowSession{in, s.factor}, nil
}

type slowSession struct {
	engine.Session
	factor float64
}

func (s *slowSession) Run(i int) error {
	begun := time.Now()
	err := s.Session.Run(i)
	for end := time.Duration(float64(time.Since(begun)) * s.factor); time.Since(begun) < end; {
	}
	return err
}
