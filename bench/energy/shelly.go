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
		kind: "shelly", form: "shelly=http://[USER:PASSWORD@]HOST[?id=0&read=power]",
		check: func(target string) error { _, err := parseShellyTarget(target); return err },
		open:  openShelly,
	})
}

// A shellyTarget is one switch of a plug, and what is read of it.
type shellyTarget struct {
	url  *url.URL
	id   int
	read Kind
}

func parseShellyTarget(target string) (s shellyTarget, err error) {
	s.read = Power
	if s.url, err = plugURL(target, "id", "read"); err != nil {
		return s, err
	}
	q := s.url.Query()
	if text := q.Get("id"); text != "" {
		if s.id, err = strconv.Atoi(text); err != nil || s.id < 0 || s.id > 99 {
			return s, fmt.Errorf("id %q is no number of a switch", text)
		}
	}
	if text := q.Get("read"); text != "" {
		if s.read = Kind(text); s.read != Power && s.read != Counter {
			return s, fmt.Errorf("what to read is %q (have power, counter)", text)
		}
	}
	return s, nil
}

// openShelly opens a Shelly of the second generation or later, by its RPC
// Switch.GetStatus, and reads its power, or its counter if told to.
//
// The power is new about once a second. When the counter has a new value is
// written nowhere, and its steps of 0.001 Wh are 3.6 J; it is for long windows.
func openShelly(ctx context.Context, env Env, target string) ([]Meter, error) {
	s, err := parseShellyTarget(target)
	if err != nil {
		return nil, err
	}
	p := newPlug(env.HTTP, s.url)
	p.login(s.url.User)
	p.url.Path, p.url.RawQuery = "/rpc/Switch.GetStatus", url.Values{"id": {strconv.Itoa(s.id)}}.Encode()
	name := fmt.Sprintf("%s switch %d", p.host, s.id)
	m, err := p.meter(ctx, env.Now, "shelly", Domain{name, s.read}, func(b []byte) (float64, error) {
		now, err := parseShelly(b)
		if err != nil || s.read == Power {
			return now.watts, err
		}
		if now.joules < 0 {
			return 0, errors.New("no energy counter (aenergy.total is missing)")
		}
		return now.joules, nil
	})
	if err != nil {
		return nil, err
	}
	if s.read == Counter {
		m.Parts = []Domain{{name + " power", Power}}
		m.Notes = []string{"the counter's steps are 3.6 J (0.001 Wh)"}
	} else {
		m.Interval = time.Second
		m.Parts = []Domain{{name + " energy", Counter}}
	}
	return []Meter{m}, nil
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
