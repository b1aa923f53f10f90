package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"assay/bench"
	"assay/reports"
	"assay/reports/render"
	"assay/reports/store"
)

// mostCompared bounds the runs that are looked through to put devices side by
// side.
const mostCompared = 200

// An acrossHTML is one model on all its devices.
type acrossHTML struct {
	Model string
	tableHTML
}

// sideBySide puts the cases of runs beside each other; a run that the store
// has let go is left out.
func (s *server) sideBySide(ctx context.Context, ids []string, base string) ([]acrossHTML, error) {
	var runs []*bench.Result
	for _, id := range ids[:min(len(ids), mostCompared)] {
		r, err := s.Store.Get(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		runs = append(runs, r.WithoutSamples())
	}
	var out []acrossHTML
	for _, a := range reports.SideBySide(runs, base) {
		t := tableOf(render.AcrossTable(&a), func(i int) string { return "/run/" + url.PathEscape(a.Rows[i].Run) })
		out = append(out, acrossHTML{a.Model, t})
	}
	return out, nil
}

// newestOfEach returns the ids of the newest run of every suite on every
// device, the newest first, or those of one suite, and the names of all suites.
func newestOfEach(all []reports.Run, suite string) (ids, suites []string) {
	seen := map[[2]string]bool{}
	for i := range all {
		r := &all[i]
		if !slices.Contains(suites, r.Suite) {
			suites = append(suites, r.Suite)
		}
		of := [2]string{r.Device, r.Suite}
		if !seen[of] && (suite == "" || r.Suite == suite) && len(ids) < mostCompared {
			seen[of], ids = true, append(ids, r.ID)
		}
	}
	return ids, suites
}

// devicesPage shows every model side by side on the devices that ran it.
func (s *server) devicesPage(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	suite, model, base := q.Get("suite"), q.Get("model"), q.Get("base")
	runs, err := s.Store.List(r.Context(), reports.Filter{})
	if err != nil {
		s.failed(w, r, err)
		return
	}
	ids, suites := newestOfEach(runs, suite)
	all, err := s.sideBySide(r.Context(), ids, base)
	if err != nil {
		s.failed(w, r, err)
		return
	}
	b := struct {
		Suite, Model string
		Base         string // device that answers are compared with
		Suites       []string
		Models       []string
		Across       []acrossHTML
	}{Suite: suite, Model: model, Base: base, Suites: suites}
	for _, a := range all {
		b.Models = append(b.Models, a.Model)
		if model == "" || a.Model == model {
			b.Across = append(b.Across, a)
		}
	}
	lead := count(len(b.Across), "model") + " in the newest runs of every device"
	s.show(w, r, http.StatusOK, "devices", page{Title: "Side by side", Here: "/devices", Lead: []string{lead}, Body: b})
}
