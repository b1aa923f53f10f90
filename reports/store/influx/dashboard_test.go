package influx_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"assay/reports/internal/example"
	"assay/reports/store/outbox"
)

// dashboard is what a test looks at of docs/grafana.json.
type dashboard struct {
	Templating struct {
		List []struct {
			Name, Query string
			Multi       bool
		}
	}
	Annotations struct {
		List []struct{ Name, Query string }
	}
	Panels []struct {
		ID      int
		Title   string
		GridPos struct{ X, Y, W, H int }
		Targets []struct{ Query, Alias string }
	}
}

// asGrafana puts in what Grafana does: the time shown, and the choice of each
// variable, "All" where several may be chosen.
func asGrafana(d *dashboard, query string) string {
	query = strings.ReplaceAll(query, "$timeFilter", "time >= '2020-01-01T00:00:00Z' AND time <= '2040-01-01T00:00:00Z'")
	for _, v := range d.Templating.List {
		value := "latency.p99"
		if v.Multi {
			value = ".*"
		}
		query = strings.ReplaceAll(query, "$"+v.Name, value)
	}
	return query
}

// unset is a variable; a $ alone ends a pattern.
var unset = regexp.MustCompile(`\$[a-zA-Z_{]`)

// TestDashboard runs every query of the dashboard against the real server,
// with two nights in it: each finds something, and the columns that the panel
// names.
func TestDashboard(t *testing.T) {
	b, err := os.ReadFile("../../../docs/grafana.json")
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatal(err)
	}
	r := newRig(t)
	for _, x := range example.Nights(24, 1)[22:] {
		r.put(example.WithEnergy(x, "rapl"))
	}
	if rep := r.drain(outbox.Options{}); rep.Left > 0 || rep.Dead > 0 {
		t.Fatalf("%+v", rep)
	}
	if len(d.Panels) < 8 || len(d.Templating.List) < 4 {
		t.Fatalf("%d panels and %d variables: is it the dashboard?", len(d.Panels), len(d.Templating.List))
	}
	found := func(what, query string) string {
		t.Helper()
		q := asGrafana(&d, query)
		if unset.MatchString(q) {
			t.Errorf("%s: a variable is not defined: %s", what, q)
			return ""
		}
		text := r.server.Exec(q)
		if !strings.Contains(text, `"series"`) {
			t.Errorf("%s finds nothing: %s: %s", what, q, text)
		}
		return text
	}
	for _, v := range d.Templating.List {
		found("variable "+v.Name, v.Query)
	}
	for _, a := range d.Annotations.List {
		found("annotation "+a.Name, a.Query)
	}
	ids, cells := map[int]bool{}, map[[2]int]string{}
	for _, p := range d.Panels {
		if ids[p.ID] || p.Title == "" || len(p.Targets) == 0 {
			t.Errorf("panel %d %q: no title, no query, or an id that is taken", p.ID, p.Title)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if at := [2]int{x, y}; cells[at] != "" || x >= 24 {
					t.Fatalf("panel %q lies over %q or outside", p.Title, cells[at])
				} else {
					cells[at] = p.Title
				}
			}
		}
		for _, q := range p.Targets {
			text := found(fmt.Sprintf("panel %q", p.Title), q.Query)
			for _, word := range strings.Fields(q.Alias) {
				if name, ok := strings.CutPrefix(word, "$tag_"); ok && !strings.Contains(text, `"`+name+`":`) {
					t.Errorf("panel %q: its series have no tag %s: %s", p.Title, name, text[:min(len(text), 300)])
				}
			}
		}
	}
}
