package energy

import (
	"strings"
	"testing"
)

func TestParseExternal(t *testing.T) {
	const choices = "want one of command=PROGRAM [ARGUMENT…][,scope=board], shelly=http://[USER:PASSWORD@]HOST[?id=0&read=power], tasmota=http://[USER:PASSWORD@]HOST"
	for _, c := range []struct {
		text string
		want External
		err  string
	}{
		{"shelly=http://192.0.2.7", External{"shelly", "http://192.0.2.7"}, ""},
		{"shelly=https://admin:secret@plug.local/?id=1", External{"shelly", "https://admin:secret@plug.local/?id=1"}, ""},
		{"tasmota=http://192.0.2.8:8080", External{"tasmota", "http://192.0.2.8:8080"}, ""},
		{"command=./watts.sh", External{"command", "./watts.sh"}, ""},
		{"command= ./watts.sh --port /dev/ttyUSB0,scope=wall", External{"command", "./watts.sh --port /dev/ttyUSB0,scope=wall"}, ""},
		{"", External{}, `external meter "": ` + choices},
		{"shelly", External{}, `external meter "shelly": ` + choices},
		{"fritz=http://192.0.2.7", External{}, `external meter "fritz": ` + choices},
		{"shelly=192.0.2.7", External{}, "external meter shelly: the address does not begin with http:// or https:// (want shelly=http://[USER:PASSWORD@]HOST[?id=0&read=power])"},
		{"shelly=http://", External{}, "external meter shelly: the address names no host (want shelly=http://[USER:PASSWORD@]HOST[?id=0&read=power])"},
		{"shelly=http://h/rpc", External{}, `external meter shelly: the address has a path: the plug's host is enough (want shelly=http://[USER:PASSWORD@]HOST[?id=0&read=power])`},
		{"shelly=http://h?id=one", External{}, `external meter shelly: id "one" is no number of a switch (want shelly=http://[USER:PASSWORD@]HOST[?id=0&read=power])`},
		{"shelly=http://h?nr=1", External{}, `external meter shelly: parameter "nr" is unknown (want shelly=http://[USER:PASSWORD@]HOST[?id=0&read=power])`},
		{"shelly=http://h?read=volts", External{}, `external meter shelly: what to read is "volts" (have power, counter) (want shelly=http://[USER:PASSWORD@]HOST[?id=0&read=power])`},
		{"shelly=http://h:x", External{}, `external meter shelly: the address cannot be read (in a password, special characters are written %XX) (want shelly=http://[USER:PASSWORD@]HOST[?id=0&read=power])`},
		{"tasmota=http://h?id=1", External{}, `external meter tasmota: parameter "id" is unknown (want tasmota=http://[USER:PASSWORD@]HOST)`},
		{"command=", External{}, "external meter command: no program is named (want command=PROGRAM [ARGUMENT…][,scope=board])"},
		{"command=./w,scope=house", External{}, `external meter command: unknown scope "house" (have package, rail, module, board, wall) (want command=PROGRAM [ARGUMENT…][,scope=board])`},
		{"command=./w,skope=wall", External{}, `external meter command: unknown option "skope=wall" (want command=PROGRAM [ARGUMENT…][,scope=board])`},
	} {
		got, err := ParseExternal(c.text)
		if got != c.want || (err == nil) != (c.err == "") || err != nil && err.Error() != c.err {
			t.Errorf("%q: %+v, %v\nwant %+v, %s", c.text, got, err, c.want, c.err)
		}
	}
	for _, text := range []string{"tasmota=http://admin:secret\x7f@h", "shelly=http://admin:secret@[::1", "shelly=http://a:secret%zz@h", "shelly=http://a:secret/x@h", "shelly=http://h/secret", "fritz=http://a:secret@h"} {
		if _, err := ParseExternal(text); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestExternalFirst holds that what the user has attached is preferred to what
// the device has.
func TestExternalFirst(t *testing.T) {
	env := inTree(recorded(t, "rpi5"))
	env.External = []External{{"command", "echo 5 W,scope=wall"}}
	m, err := Open(t.Context(), env, "")
	if err != nil || m.String() != "command (wall): echo" {
		t.Errorf("%v, %v", m, err)
	}
	env.External = []External{{"command", "./no-such-program"}}
	m, err = Open(t.Context(), env, "command")
	if err == nil || !strings.Contains(err.Error(), "command: ") || !strings.Contains(err.Error(), "no-such-program") {
		t.Errorf("%v, %v", m, err)
	}
}
