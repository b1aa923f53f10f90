package agents

import (
	"slices"
	"strings"
	"testing"
)

func TestExpr(t *testing.T) {
	orin := map[string]string{"class": "jetson-orin-nx", "arch": "arm64", "site": "lab"}
	pi := map[string]string{"class": "rpi5", "arch": "arm64"}
	pc := map[string]string{"class": "amd64-xeon-2c", "arch": "amd64"}
	all := []map[string]string{orin, pi, pc}
	for _, c := range []struct {
		text string
		want string // which of all
	}{
		{"", "111"},
		{"arch=arm64", "110"},
		{"arch!=arm64", "001"},
		{"class=jetson-orin-* | arch=amd64", "101"},
		{"arch=arm64 & site=lab", "100"},
		{"arch=arm64&!site=lab", "010"},
		{"site!=lab", "011"}, // who has no such label is not in the lab
		{"class=rpi5 | arch=arm64 & site=lab", "110"},
		{"(class=rpi5 | arch=arm64) & site=lab", "100"},
		{"!(arch=arm64)", "001"},
		{"!!arch=amd64", "001"},
		{"class=*", "111"},
		{"site=*", "100"},
		{"class=jetson", "000"},
	} {
		e, err := ParseExpr(c.text)
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		got := ""
		for _, l := range all {
			got += map[bool]string{true: "1", false: "0"}[e.Match(l)]
		}
		if got != c.want {
			t.Errorf("%q matches %s, want %s", c.text, got, c.want)
		}
	}
}

func TestExprRefused(t *testing.T) {
	for text, want := range map[string]string{
		"arch":                   "column 5: want = or != after \"arch\"",
		"arch=":                  "column 6: want a value",
		"=arm64":                 "column 1: want a label's name",
		"arch=arm64 |":           "column 13: want a label's name",
		"(arch=arm64":            "column 12: a parenthesis is not closed",
		"arch=arm64)":            `column 11: unexpected ")"`,
		"a=b c=d":                `column 5: unexpected "c=d"`,
		"a=b/c":                  `column 4: unexpected "/c"`,
		strings.Repeat("(", 100): "more than 50 parentheses",
	} {
		if _, err := ParseExpr(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func FuzzExpr(f *testing.F) {
	for _, s := range []string{"", "a=b", "!(a=b|c!=d*)&e=f", "((", "a=[", "\xff=1", "a=b \x00", "\ta=b\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, err := ParseExpr(s)
		if err != nil {
			return
		}
		e.Match(map[string]string{"a": "b", "c": "d"})
		if strings.Count(s, "(") >= maxDepth {
			return
		}
		n, err := ParseExpr("!(" + s + ")")
		if strings.TrimSpace(s) != "" && err != nil {
			t.Fatalf("%q is read, its negation is not: %v", s, err)
		}
		if err == nil && n.Match(nil) == e.Match(nil) {
			t.Fatalf("%q and its negation agree", s)
		}
	})
}

func TestJoin(t *testing.T) {
	j := Join{Hub: Address{Host: "hub.example:4222", CA: strings.Repeat("ab", 32)}, Token: "secret"}
	got, err := ParseJoin(" " + j.String() + "\n")
	if err != nil || got != j {
		t.Fatalf("%+v, %v, want %+v", got, err, j)
	}
	s := j.String()
	for text, want := range map[string]string{
		"":                      "this is no join string",
		"ssh-ed25519 AAAA":      "this is no join string",
		s[:len(s)-1]:            "damaged",
		joinPrefix + "e30":      "lacks the hub's address",
		joinPrefix + "!":        "damaged",
		strings.ToUpper(s[:20]): "this is no join string",
	} {
		if _, err := ParseJoin(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestOutcome(t *testing.T) {
	o := &Outcome{Job: "d-1", Agent: "a", State: Done, Run: "r", Result: []byte("packed\nresult")}
	b, err := o.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeOutcome(b)
	if err != nil || got.Job != o.Job || got.Run != o.Run || !slices.Equal(got.Result, o.Result) {
		t.Fatalf("%+v, %v, want %+v", got, err, o)
	}
	for text, want := range map[string]string{
		"":                                       "no line of JSON",
		`{"state":"done"}`:                       "no line of JSON",
		"{\n":                                    "unexpected end",
		`{"job":"a","state":"cancelled"}` + "\n": "not for an agent to say",
		`{"job":"a.b","state":"done"}` + "\n":    "is no id",
		strings.Repeat(" ", maxHead+1) + "\n":    "no line of JSON",
	} {
		if _, err := DecodeOutcome([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q", text, err, want)
		}
	}
}
