package influx

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"assay/reports/store/outbox"
)

// TestAnswers reads refusals as the three servers write them: 1.8.10's are
// recorded, those of 2.x and 3 Core are their documentation's examples.
func TestAnswers(t *testing.T) {
	c := &Client{set: Settings{URL: "http://db", Token: "user:pass"}}
	for _, x := range []struct {
		name   string
		status int
		header map[string]string
		body   string
		do     outbox.Action
		after  time.Duration
		want   string
	}{
		{"1.8 partial write", 400, nil, `{"error":"partial write: field type conflict: input field \"value\" is type float, already exists as type string dropped=2"}`, outbox.Bisect, 0, `http://db answers 400: partial write: field type conflict: input field "value" is type float, already exists as type string dropped=2`},
		{"2.x bad line", 400, nil, `{"code":"invalid","message":"unable to parse 'x': missing fields","op":"write","err":"unable to parse","line":2}`, outbox.Bisect, 0, `unable to parse 'x': missing fields`},
		{"3 Core partial write", 400, nil, `{"error":"partial write of line protocol occurred","data":[{"original_line":"x","line_number":2,"error_message":"invalid column type"}]}`, outbox.Bisect, 0, `partial write of line protocol occurred: invalid column type`},
		{"2.x out of bounds", 422, nil, `{"code":"unprocessable entity","message":"points beyond retention"}`, outbox.Bisect, 0, "answers 422: points beyond retention"},
		{"rate limit", 429, map[string]string{"Retry-After": "7"}, ``, outbox.Retry, 7 * time.Second, "answers 429: without a word"},
		{"busy, with a word in the header", 503, map[string]string{"X-Influxdb-Error": "engine is compacting"}, ``, outbox.Retry, 0, "answers 503: engine is compacting"},
		{"a proxy's page", 502, nil, "<html>\n<b>Bad\tGateway</b>", outbox.Retry, 0, "answers 502: <html> <b>Bad Gateway</b>"},
		{"timeout", 408, nil, ``, outbox.Retry, 0, "408"},
		{"too large", 413, nil, ``, outbox.Split, 0, "413"},
		{"unauthorized", 401, nil, `{"code":"unauthorized","message":"unauthorized access"}`, outbox.Pause, 0, "401: unauthorized access"},
		{"forbidden", 403, map[string]string{"Retry-After": "nonsense"}, ``, outbox.Pause, 0, "403"},
		{"no bucket", 404, nil, `{"code":"not found","message":"bucket \"b\" not found"}`, outbox.Pause, 0, `404: bucket "b" not found`},
		{"gone", 410, nil, ``, outbox.Pause, 0, "410"},
		{"redirect", 301, map[string]string{"Location": "https://db/api/v2/write"}, ``, outbox.Pause, 0, "it sends requests on to https://db/api/v2/write: set that as the url"},
		{"success that is none", 200, nil, `<html>please sign in</html>`, outbox.Pause, 0, "it is no InfluxDB that answers: a write is confirmed by 204"},
		{"a body that claims another status", 400, nil, `{"StatusCode":204,"error":"no"}`, outbox.Bisect, 0, "answers 400: no"},
		{"the token, repeated", 401, nil, `user:pass and pass`, outbox.Pause, 0, "answers 401: *** and ***"},
		{"without end", 500, nil, strings.Repeat("x", 1<<20), outbox.Retry, 0, "xxx…"},
	} {
		t.Run(x.name, func(t *testing.T) {
			h := http.Header{}
			for k, v := range x.header {
				h.Set(k, v)
			}
			a := c.answer(&http.Response{StatusCode: x.status, Header: h, Body: io.NopCloser(strings.NewReader(x.body))})
			if a.Do != x.do || a.Status != x.status || a.After != x.after || !strings.Contains(a.Text, x.want) {
				t.Errorf("got %+v, want action %d, after %v, %q", a, x.do, x.after, x.want)
			}
			if len(a.Text) > 4*maxWhy || strings.ContainsAny(a.Text, "\n\t") {
				t.Errorf("the text is not fit to be printed: %q", a.Text)
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 25, 2, 0, 0, 0, time.UTC)
	for v, want := range map[string]time.Duration{
		"": 0, "0": 0, "120": 2 * time.Minute, "-5": 0, "soon": 0, "99999999999999999999": 0,
		"Wed, 25 Nov 2026 02:00:30 GMT": 30 * time.Second, "Wed, 25 Nov 2026 01:00:00 GMT": 0,
	} {
		if got := after(http.Header{"Retry-After": {v}}, now); got != want {
			t.Errorf("Retry-After %q: %v, want %v", v, got, want)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	for body, want := range map[string]string{
		``:                           "EOF",
		`nonsense`:                   "invalid character",
		`{"error":"not authorized"}`: "not authorized",
		`{"results":[]}`:             "0 results",
		`{"results":[{"error":"max-select-point exceeded"}]}`: "max-select-point",
		`{"results":[{"series":[{"partial":true}]}]}`:         "max-row-limit",
	} {
		if _, err := decode(strings.NewReader(body)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want an error with %q", body, err, want)
		}
	}
}

// FuzzTag: every text becomes a tag that line protocol can hold on one line,
// and comes back.
func FuzzTag(f *testing.F) {
	for _, s := range []string{"", "-", "%2D", "resnet8", `c:\dir\`, "a b,c=d", "line\nbreak", "\xff\xfe", "é�", "100%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		enc := tag(s)
		if enc == "" || strings.ContainsAny(enc, "\\\n\r\x00\t") || strings.ToValidUTF8(enc, "?") != enc {
			t.Errorf("tag(%q) = %q", s, enc)
		}
		if got := untag(enc); got != s {
			t.Errorf("%q comes back as %q", s, got)
		}
	})
}

// FuzzDecode: whatever a server answers is an error or points.
func FuzzDecode(f *testing.F) {
	f.Add(`{"results":[{"statement_id":0,"series":[{"name":"assay_summary","tags":{"threads":"1","batch":"1"},"columns":["time","value","n"],"values":[[1,0.5,5],[2,null,"x"],[3]]}]}]}`)
	f.Add(`{"results":[{"series":[{"columns":["labels","verdicts"],"values":[["{}","null"]]}]}]}`)
	f.Add(`{"error":"x"}`)
	f.Fuzz(func(t *testing.T, s string) {
		tables, err := decode(strings.NewReader(s))
		if err != nil {
			return
		}
		for i := range tables {
			if p, err := tables[i].points(); err == nil && len(p) != len(tables[i].Values) {
				t.Errorf("%d points of %d rows", len(p), len(tables[i].Values))
			}
			for j := range tables[i].Values {
				if r, err := tables[i].record(j).run(); err != nil && !strings.Contains(err.Error(), r.ID) {
					t.Errorf("the error does not name the run: %v", err)
				}
			}
		}
	})
}
