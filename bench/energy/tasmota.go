package energy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
	"strings"
	"time"
)

func init() {
	registerExternal(adapter{
		kind: "tasmota", form: "tasmota=http://[USER:PASSWORD@]HOST",
		check: func(target string) error { _, err := plugURL(target); return err },
		open:  openTasmota,
	})
}

// openTasmota opens a plug with the Tasmota firmware by its command "Status
// 10". Its energy counter is of no use here: its steps of 0.001 kWh are 3.6 kJ.
func openTasmota(ctx context.Context, env Env, target string) ([]Meter, error) {
	u, err := plugURL(target)
	if err != nil {
		return nil, err
	}
	p := newPlug(env.HTTP, u)
	q := url.Values{"cmnd": {"Status 10"}}
	if password, ok := u.User.Password(); ok { // the firmware takes them as parameters
		q.Set("user", u.User.Username())
		q.Set("password", password)
	}
	p.url.Path, p.url.RawQuery = "/cm", strings.ReplaceAll(q.Encode(), "+", "%20")
	m, err := p.meter(ctx, env.Now, "tasmota", Domain{p.host, Power}, parseTasmota)
	if err != nil {
		return nil, err
	}
	m.Interval = time.Second
	if r, err := m.Total[0].Read(ctx); err == nil && r.Value == math.Trunc(r.Value) {
		m.Notes = []string{"shows whole watts: WattRes 3 in the plug's console makes it show milliwatts"}
	}
	return []Meter{m}, nil
}

// parseTasmota reads StatusSNS.ENERGY.Power (W).
func parseTasmota(body []byte) (watts float64, err error) {
	var s struct {
		StatusSNS *struct {
			Energy *struct {
				Power json.RawMessage
			} `json:"ENERGY"`
		}
		Warning string `json:"WARNING"`
	}
	if err := json.Unmarshal(body, &s); err != nil {
		return 0, fmt.Errorf("not the answer of a Tasmota plug: %w", err)
	}
	switch {
	case s.Warning != "": // the firmware has no other way to say that
		return 0, denied{fmt.Errorf("says %.80q", s.Warning), "give user and password in the address: http://USER:PASSWORD@HOST"}
	case s.StatusSNS == nil || s.StatusSNS.Energy == nil || len(s.StatusSNS.Energy.Power) == 0:
		return 0, errors.New("no energy meter in this plug (StatusSNS.ENERGY.Power is missing)")
	case s.StatusSNS.Energy.Power[0] == '[':
		return 0, errors.New("meters several outlets, and which of them is the device's is not known: use a plug with one")
	}
	var w *float64
	if err := json.Unmarshal(s.StatusSNS.Energy.Power, &w); err != nil || w == nil {
		return 0, fmt.Errorf("ENERGY.Power is %.40q, not a number", s.StatusSNS.Energy.Power)
	}
	return *w, nil
}
