package main

import (
	"errors"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"assay/agents"
	"assay/agents/hub"
	"assay/bench"
	"assay/bench/host"
	"assay/bench/metric"
	"assay/reports/store"
)

// measuredBy is a result of a device with samples of n values.
func measuredBy(device, run string, n int) *bench.Result {
	rnd := rand.New(rand.NewPCG(1, 0))
	values := make([]float64, n)
	for i := range values {
		values[i] = rnd.Float64() // does not compress
	}
	return &bench.Result{
		Schema: bench.Schema, Run: run, Suite: "s", Device: host.Device{ID: device, Name: "board", Class: "pi"},
		Groups: []bench.GroupResult{{Model: "m", Engine: "native", Cases: []bench.CaseResult{{
			Case: bench.Case{Model: "m", Variant: bench.Baseline, Engine: "native"}, Status: bench.OK,
			Samples: []metric.Sample{{Metric: metric.P50.Name, Unit: metric.P50.Unit, Values: values}},
		}}}},
	}
}

// TestHubStore: a result is kept once, for the device that sends it; what is
// none, or another's, is refused for good.
func TestHubStore(t *testing.T) {
	db, err := store.Open(filepath.Join(t.TempDir(), "assay.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	k := hubStore{db}
	keep := func(device string, packed []byte) (string, error) {
		all := k.Keep(t.Context(), []hub.Sent{{Device: device, Packed: packed}})
		return all[0].Run, all[0].Err
	}
	pack := func(device, run string) []byte {
		t.Helper()
		b, err := packResult(measuredBy(device, run, 10))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	const run = "0123456789abcdef"
	for range 2 { // delivered twice
		if got, err := keep("a", pack("a", run)); got != run || err != nil {
			t.Fatalf("%q, %v", got, err)
		}
	}
	for name, c := range map[string]struct {
		device string
		packed []byte
		want   string
	}{
		"nonsense":             {"a", []byte("nonsense"), "not a result"},
		"another's result":     {"b", pack("a", "0123456789abcde0"), `it says device "a"`},
		"another's run":        {"b", pack("b", run), "run 0123456789abcdef is another device's"},
		"the beginning of one": {"b", pack("b", "0123"), `run "0123" is no id`},
		"no run":               {"b", pack("b", ""), "is not an id"},
	} {
		if _, err := keep(c.device, c.packed); !errors.Is(err, hub.ErrBad) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	b, err := k.Packed(t.Context(), run)
	if err != nil {
		t.Fatal(err)
	}
	r, err := unpackResult(b)
	if err != nil || r.Run != run || len(r.Groups[0].Cases[0].Samples[0].Values) != 10 {
		t.Errorf("what comes back: %+v, %v", r, err)
	}
	db.Close()
	if _, err := keep("a", pack("a", "0123456789abcde1")); err == nil || errors.Is(err, hub.ErrBad) {
		t.Errorf("a store that cannot be written is the result's fault: %v", err)
	}
}

// TestPackLarge: a result that no message holds travels without its samples
// and says so; the one in memory keeps them.
func TestPackLarge(t *testing.T) {
	for _, c := range []struct {
		values, want int
		warning      string
	}{
		{100, 100, ""},
		{1_200_000, 0, "the samples are in the store of the device alone: with them the result takes "},
	} {
		whole := measuredBy("a", "0123456789abcdef", c.values)
		b, err := packResult(whole)
		if err != nil || len(b) > agents.MaxMessage {
			t.Fatalf("%d values: %d bytes, %v", c.values, len(b), err)
		}
		r, err := unpackResult(b)
		if err != nil {
			t.Fatal(err)
		}
		got := 0
		for _, s := range r.Groups[0].Cases[0].Samples {
			got += len(s.Values)
		}
		if warned := strings.Join(r.Warnings, ""); got != c.want || !strings.HasPrefix(warned, c.warning) || (c.warning == "") != (warned == "") {
			t.Errorf("%d values: %d arrive, %q", c.values, got, r.Warnings)
		}
		if n := len(whole.Groups[0].Cases[0].Samples[0].Values); n != c.values || len(whole.Warnings) != 0 {
			t.Errorf("%d values: the result here has %d, %q", c.values, n, whole.Warnings)
		}
	}
	if _, err := unpackResult([]byte("no gzip")); err == nil {
		t.Error("what is not packed is unpacked")
	}
}
