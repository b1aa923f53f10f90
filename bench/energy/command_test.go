package energy

import (
	"math"
	"testing"
)

func TestParseLine(t *testing.T) {
	for _, c := range []struct {
		text string
		want printed
		ok   bool
		err  string
	}{
		{"12.3 W", printed{Power, 12.3}, true, ""},
		{"12.3W", printed{Power, 12.3}, true, ""},
		{" 12.3\r", printed{Power, 12.3}, true, ""},
		{"0", printed{Power, 0}, true, ""},
		{"1234 mW", printed{Power, 1.234}, true, ""},
		{"45.6 J", printed{Counter, 45.6}, true, ""},
		{"45600 mJ", printed{Counter, 45.6}, true, ""},
		{"2 Wh", printed{Counter, 7200}, true, ""},
		{"1.5e3 J", printed{Counter, 1500}, true, ""},
		{"", printed{}, false, ""},
		{"# volts 5.1", printed{}, false, ""},
		{"-3 W", printed{}, false, `printed "-3 W", less than nothing`},
		{"NaN", printed{}, false, `printed "NaN": want a number and W, mW, J, mJ or Wh, such as 12.3 W`},
		{"inf W", printed{}, false, `printed "inf W": want a number and W, mW, J, mJ or Wh, such as 12.3 W`},
		{"1e999 W", printed{}, false, `printed "1e999 W": want a number and W, mW, J, mJ or Wh, such as 12.3 W`},
		{"12,3 W", printed{}, false, `printed "12,3 W": want a number and W, mW, J, mJ or Wh, such as 12.3 W`},
		{"5 V", printed{}, false, `printed "5 V": want a number and W, mW, J, mJ or Wh, such as 12.3 W`},
		{"5 V 2 W", printed{}, false, `printed "5 V 2 W": want a number and W, mW, J, mJ or Wh, such as 12.3 W`},
		{"watts: 12.3 W", printed{}, false, `printed "watts: 12.3 W": want a number and W, mW, J, mJ or Wh, such as 12.3 W`},
	} {
		got, ok, err := parseLine(c.text)
		if got != c.want || ok != c.ok || (err == nil) != (c.err == "") || err != nil && err.Error() != c.err {
			t.Errorf("%q: %+v, %v, %v; want %+v, %v, %s", c.text, got, ok, err, c.want, c.ok, c.err)
		}
	}
}

func FuzzLine(f *testing.F) {
	for _, s := range []string{"12.3 W", "45.6 J", "7", "# remark", "1e308 Wh", "-0 mW", "0x1p4 W", "W"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l, ok, err := parseLine(text)
		if ok && (err != nil || math.IsNaN(l.value) || math.IsInf(l.value, 0) || l.value < 0) {
			t.Errorf("%q: %+v, %v", text, l, err)
		}
		if !ok && l != (printed{}) {
			t.Errorf("%q: no reading, and %+v", text, l)
		}
	})
}

func FuzzExternal(f *testing.F) {
	for _, s := range []string{"shelly=http://192.0.2.7?id=0", "tasmota=http://a:b@h", "command=./watts.sh -x,scope=wall", "command=,", "shelly=http://[::1%25lo]:80"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		x, err := ParseExternal(text)
		if err != nil {
			return
		}
		if again, err := ParseExternal(x.Kind + "=" + x.Target); err != nil || again != x {
			t.Errorf("%q is %+v, and read again %+v, %v", text, x, again, err)
		}
	})
}
