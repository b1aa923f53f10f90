package suites

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

var update = flag.Bool("update", false, "rewrite generated files and goldens")

const schemaFile = "../docs/suite.schema.json"

// TestSchemaFile keeps the committed schema equal to the Go types.
func TestSchemaFile(t *testing.T) {
	want, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(schemaFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s does not fit the Go types: go generate ./suites", schemaFile)
	}
}

func compile(t *testing.T) *jsonschema.Schema {
	t.Helper()
	b, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("suite.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("suite.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// instance reads YAML the way an editor does.
func instance(t *testing.T, b []byte) any {
	t.Helper()
	j, err := yaml.YAMLToJSON(b)
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(j))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestSchemaAccepts validates the library and every good example.
func TestSchemaAccepts(t *testing.T) {
	s := compile(t)
	files, err := filepath.Glob("testdata/good/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, name := range append(files, "../suites.yaml") {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(instance(t, b)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSchemaRefuses holds the schema to what Load refuses for form alone, and
// Load to what the schema refuses.
func TestSchemaRefuses(t *testing.T) {
	s := compile(t)
	for _, body := range []string{
		"trials: 0", "trials: 1001", "trials: five", "max_trials: 0", "rounds: 0", "cold: -1", "precision: 1",
		"budget: 5", "budget: 5 minutes", "block: -1ms", "samples: 0", "samples: some", "threads: [0]", "threads: []",
		"threads: 1", "batch: [65537]", "scenario: bursts", "scenario: []", "scenario: [bursts]", "scenario: {single-stream: {}}",
		"scenario: {server: {latency: 5}}", "scenario: {server: {latncy: 5ms}}", "scenario: {offline: {max_batch: 0}}", "scenario: {multi-stream: {queries: 661}}",
		"scenario: {server: {percentile: 99}}", "scenario: 5", "trails: 5",
	} {
		b := []byte("suites:\n  a:\n    models: [m]\n    run: {" + body + "}\n")
		if s.Validate(instance(t, b)) == nil {
			t.Errorf("schema accepts run: {%s}", body)
		}
		if _, err := LoadFS(mapFS("a.yaml", string(b)), "a.yaml"); err == nil || !strings.HasPrefix(err.Error(), "a.yaml:4:") {
			t.Errorf("run: {%s}: Load says %v", body, err)
		}
	}
}
