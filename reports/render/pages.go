package render

import (
	"html/template"
	"time"

	"assay/reports"
	"assay/reports/regress"
)

// Style is the style sheet that the reports and the hub's pages share.
func Style() template.CSS { return pageStyle }

// Policy is the content policy of the reports, which carry their style and
// their only script in themselves.
func Policy() string { return page{}.Policy() }

// Plain is text from outside on one line, without control characters and not
// longer than a reader reads.
func Plain(s string) string { return plain(s) }

// When is a time as listings show it, in UTC; "no clock" for none.
func When(t time.Time) string { return when(t) }

// RunWords is "1 fail, 3 undecided, 2 pass" as a gate counts them.
func RunWords(r *reports.Run) string { return wordCounts(r) }

// A Table is a table in words: the first row names the columns.
type Table struct {
	Title string
	Rows  [][]string
}

// AcrossTable is a model side by side on its devices, one row for each of
// a.Rows.
func AcrossTable(a *reports.Across) Table { return tableOf(acrossTable(a)) }

// RegressionTables are what a report on regressions says: in one line, in
// tables, and what has to be known of them.
func RegressionTables(r *regress.Report) (head string, tables []Table, remarks []string) {
	for _, t := range regressionTables(r) {
		tables = append(tables, tableOf(t))
	}
	for _, l := range regressionsTail(r) {
		remarks = append(remarks, l.text)
	}
	return regressionsHead(r), tables, remarks
}

func tableOf(t titled) Table { return Table{t.title, t.rows} }
