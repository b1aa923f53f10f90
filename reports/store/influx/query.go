package influx

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxAnswer bounds the answer to a query, in bytes: about 5 million points.
const maxAnswer = 256 << 20

// series is one table of an InfluxQL answer.
type series struct {
	Tags    map[string]string `json:"tags"`
	Columns []string          `json:"columns"`
	Values  [][]any           `json:"values"`
	Partial bool              `json:"partial"` // the server's max-row-limit cut it
}

// query runs one InfluxQL statement.
func (c *Client) query(ctx context.Context, q string) ([]series, error) {
	db, rp, _ := strings.Cut(c.set.Bucket, "/")
	v := url.Values{"db": {db}, "q": {q}, "epoch": {"ns"}}
	if rp != "" {
		v.Set("rp", rp)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(c.set.URL, "/")+"/query?"+v.Encode(), nil)
	if err != nil {
		return nil, c.unreachable(err)
	}
	if c.set.Token != "" {
		req.Header.Set("Authorization", "Token "+c.set.Token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, c.answer(resp)
	}
	out, err := decode(resp.Body)
	if err != nil {
		return nil, errors.New(c.clean(fmt.Sprintf("read %s: %v", c.set.URL, err)))
	}
	return out, nil
}

// decode reads the answer to one statement. Numbers stay as they are written:
// a float64 does not hold a time in nanoseconds.
func decode(r io.Reader) ([]series, error) {
	var doc struct {
		Results []struct {
			Series []series `json:"series"`
			Error  string   `json:"error"`
		} `json:"results"`
		Error string `json:"error"`
	}
	lim := &io.LimitedReader{R: r, N: maxAnswer + 1}
	d := json.NewDecoder(lim)
	d.UseNumber()
	switch err := d.Decode(&doc); {
	case lim.N == 0:
		return nil, fmt.Errorf("the answer is larger than %d MB: ask for less", maxAnswer>>20)
	case err != nil:
		return nil, err
	case doc.Error != "":
		return nil, errors.New(doc.Error)
	case len(doc.Results) != 1:
		return nil, fmt.Errorf("%d results to one statement", len(doc.Results))
	case doc.Results[0].Error != "":
		return nil, errors.New(doc.Results[0].Error)
	}
	for _, s := range doc.Results[0].Series {
		if s.Partial {
			return nil, errors.New("the server cuts long answers (max-row-limit): ask for less")
		}
	}
	return doc.Results[0].Series, nil
}

// ident quotes a name for InfluxQL, which reserves many words (docs list:
// "name", "series", "values", …), so every name is quoted.
func ident(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}

// literal quotes text for InfluxQL.
func literal(s string) string {
	return `'` + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`).Replace(s) + `'`
}

// idents quotes a list of columns.
func idents(names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = ident(n)
	}
	return strings.Join(out, ", ")
}

// A record is one row of a series by column; what is missing or of another
// type is its zero value.
type record map[string]any

func (s *series) record(i int) record {
	r := record{}
	for j, c := range s.Columns {
		if j < len(s.Values[i]) {
			r[c] = s.Values[i][j]
		}
	}
	return r
}

func (r record) text(col string) string { s, _ := r[col].(string); return s }

func (r record) int(col string) int64 {
	n, _ := r[col].(json.Number)
	i, _ := n.Int64()
	return i
}

func (r record) float(col string) float64 {
	n, _ := r[col].(json.Number)
	f, _ := n.Float64()
	return f
}
