package render_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"assay/bench"
	"assay/reports/internal/example"
	"assay/reports/render"
)

func written(t *testing.T, r *bench.Result) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := render.Render(&buf, "json", r, render.Options{}); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestJSONRoundTrip(t *testing.T) {
	want := written(t, example.Result())
	r, err := render.ReadJSON(bytes.NewReader(want))
	if err != nil {
		t.Fatal(err)
	}
	if got := written(t, r); !bytes.Equal(got, want) {
		t.Error("what was read is not what was written")
	}
}

// TestRowKeys holds the eleven keys that docs/results.md promises.
func TestRowKeys(t *testing.T) {
	var doc struct {
		Schema string           `json:"schema"`
		Rows   []map[string]any `json:"rows"`
	}
	if err := json.Unmarshal(written(t, example.Result()), &doc); err != nil {
		t.Fatal(err)
	}
	want := []string{"engine", "high", "low", "metric", "model", "n", "provider", "unit", "value", "variant", "verdict"}
	seen := map[string]bool{}
	for _, row := range doc.Rows {
		if got := slices.Sorted(maps.Keys(row)); !slices.Equal(got, want) {
			t.Fatalf("a row has the keys %v, want %v", got, want)
		}
		key := strings.Join([]string{row["engine"].(string), row["model"].(string), row["variant"].(string), row["metric"].(string)}, " ")
		if seen[key] {
			t.Errorf("two rows for %s", key)
		}
		seen[key] = true
	}
	for _, key := range []string{
		"onnxruntime resnet8 int8-qdq latency.p50", "native resnet8 sparse-90 size.packed",
		"onnxruntime mobilenetv2-mini pruned-50 latency.p50", "openvino mobilenetv2-mini baseline latency.p50",
	} {
		if !seen[key] {
			t.Errorf("no row for %s", key)
		}
	}
	words := map[any]bool{}
	for _, row := range doc.Rows {
		words[row["verdict"]] = true
	}
	for _, w := range []string{"", "pass", "fail", "inconclusive", "untrusted", "error", "skipped"} {
		if !words[w] {
			t.Errorf("the example has no row with verdict %q", w)
		}
	}
}

func TestReadJSONRefuses(t *testing.T) {
	const head = `{"schema":"assay.result/1","run":"a1",`
	for _, c := range []struct{ name, in, want string }{
		{"nothing", ``, "unexpected end"},
		{"not json", "{\n  \"schema\": oops}", "2:13: invalid character"},
		{"a list", `[]`, "cannot unmarshal array"},
		{"another schema", `{"schema":"assay.result/9"}`, `schema "assay.result/9", this program reads "assay.result/1"`},
		{"no run", `{"schema":"assay.result/1"}`, "is not an id"},
		{"run with an escape", `{"schema":"assay.result/1","run":"\u001b[31m"}`, "is not an id"},
		{"wrong type", head + `"groups":[{"trials":"five"}]}`, "cannot unmarshal string"},
		{"unnamed case", head + `"groups":[{"cases":[{}]}]}`, "groups[0].cases[0]: a case needs model, variant and engine"},
		{"unknown status", head + `"groups":[{"cases":[{"model":"m","variant":"v","engine":"e","status":"fine"}]}]}`, `unknown status "fine" (have ok, error, skipped)`},
		{"unknown word", head + `"groups":[{"cases":[{"model":"m","variant":"v","engine":"e","status":"ok","verdicts":[{"gate":"g","verdict":"maybe"}]}]}]}`, `gate "g": unknown verdict "maybe"`},
		{"interval upside down", head + `"groups":[{"aa":{"ratio":{"metric":"latency.p50","low":2,"high":1}}}]}`, "low 2 is above high 1"},
		{"a metric twice", head + `"groups":[{"cases":[{"model":"m","variant":"v","engine":"e","status":"ok","values":[{"metric":"size"},{"metric":"size"}]}]}]}`, `metric "size" is given twice`},
		{"number too large", head + `"groups":[{"seconds":1e999}]}`, "cannot unmarshal number"},
		{"something after it", head + `"suite":"s"} {}`, "invalid character"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := render.ReadJSON(strings.NewReader(c.in))
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "read result: ") {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

// FuzzReadJSON expects an error or a result that every format can print and
// that is read again as the same.
func FuzzReadJSON(f *testing.F) {
	r := small(example.Result())
	for i := range r.Groups[0].Cases {
		c := &r.Groups[0].Cases[i]
		c.Samples, c.Values, c.Against = c.Samples[:2], c.Values[:2], c.Against[:min(len(c.Against), 2)]
	}
	b, err := json.Marshal(r)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b) // small, so that mutations hit what matters
	f.Add([]byte(`{"schema":"assay.result/1","run":"a1","groups":[{"aa":{},"cases":[{"model":"m","variant":"baseline","engine":"e","status":"ok","values":[{"metric":"latency.p50","unit":"sec","value":-1,"low":-2,"high":0}],"against":[{"metric":"latency.p50","unit":"ratio","value":0}]}]}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := render.ReadJSON(bytes.NewReader(b))
		if err != nil {
			return
		}
		for _, format := range render.Formats() {
			if err := render.Render(&bytes.Buffer{}, format, r, render.Options{Width: 80, Details: true}); err != nil {
				t.Errorf("%s: %v", format, err)
			}
		}
		first := written(t, r)
		again, err := render.ReadJSON(bytes.NewReader(first))
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if !bytes.Equal(written(t, again), first) {
			t.Error("written, read and written again it differs")
		}
	})
}
