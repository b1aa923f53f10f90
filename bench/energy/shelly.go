package energy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"
)

func init() {
	registerExternal(adapter{
		kind: "shelly", form: "shelly=http://[USER:PASSWORD@]HOST[?id=0]",
		check: func(target string) error { _, _, err := shellyTarget(target); return err },
		open:  openShelly,
	})
}

// shellyTarget reads the address and the number of the switch.
func shellyTarget(target string) (*url.URL, int, error) {
	u, err := plugURL(target, "id")
	if err != nil {
		return nil, 0, err
	}
	text := u.Query().Get("id")
	if text == "" {
		return u, 0, nil
	}
	id, err := strconv.Atoi(text)
	if err != nil || id < 0 || id > 99 {
		return nil, 0, fmt.Errorf("id %q is no number of a switch", text)
	}
	return u, id, nil
}

// openShelly opens a Shelly of the second generation or later, by its RPC
// Switch.GetStatus. It offers the power, and second the energy counter.
//
// The power is preferred: it is new about once a second. When the counter has
// a new value is written nowhere, and its steps of 0.001 Wh are 3.6 J; over
// hours, where every joule counts, it is the better one.
func openShelly(ctx context.Context, env Env, target string) ([]Meter, error) {
	u, id, err := shellyTarget(target)
	if err != nil {
		return nil, err
	}
	p := newPlug(env.HTTP, u)
	p.login(u.User)
	p.url.Path, p.url.RawQuery = "/rpc/Switch.GetStatus", url.Values{"id": {strconv.Itoa(id)}}.Encode()
	name := fmt.Sprintf("%s switch %d", p.host, id)
	power, err := p.meter(ctx, env.Now, "shelly", Domain{name, Power}, func(b []byte) (float64, error) {
		s, err := parseShelly(b)
		return s.watts, err
	})
	if err != nil {
		return nil, err
	}
	power.Interval = time.Second
	power.Parts = []Domain{{name + " energy", Counter}}
	energy, err := p.meter(ctx, env.Now, "shelly/counter", Domain{name, Counter}, func(b []byte) (float64, error) {
		s, err := parseShelly(b)
		if err == nil && s.joules < 0 {
			err = errors.New("no energy counter (aenergy.total is missing)")
		}
		return s.joules, err
	})
	if err != nil {
		return []Meter{power}, err
	}
	energy.Parts = []Domain{{name + " power", Power}}
	energy.Notes = []string{"the counter's steps are 3.6 J (0.001 Wh)"}
	return []Meter{power, energy}, nil
}

// A shellyStatus is what Switch.GetStatus says; joules is −1 where it says none.
type shellyStatus struct{ watts, joules float64 }

// parseShelly reads apower (W) and aenergy.total (Wh).
func parseShelly(body []byte) (shellyStatus, error) {
	var s struct {
		APower  *float64 `json:"apower"`
		AEnergy *struct {
			Total *float64 `json:"total"`
		} `json:"aenergy"`
		Message string `json:"message"` // of an error
	}
	err := json.Unmarshal(body, &s)
	switch {
	case err != nil:
		return shellyStatus{}, fmt.Errorf("not the answer of a Shelly: %w", err)
	case s.APower == nil && s.Message != "":
		return shellyStatus{}, fmt.Errorf("says %.80q", s.Message)
	case s.APower == nil:
		return shellyStatus{}, errors.New("no power on this switch (apower is missing)")
	}
	out := shellyStatus{watts: *s.APower, joules: -1}
	if s.AEnergy != nil && s.AEnergy.Total != nil && *s.AEnergy.Total >= 0 {
		out.joules = *s.AEnergy.Total * 3600
	}
	return out, nil
}
