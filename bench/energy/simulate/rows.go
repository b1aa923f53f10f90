package main

import "assay/bench/energy"

// A want is what the method owes a row.
type want string

const (
	claims   want = "2 %"      // all windows claim 2 %, and keep it
	interval want = "interval" // windows are used, and the interval over rounds says how far
	below    want = "below"    // all are below detection
	refuses  want = "invalid"  // all are invalid, or below detection
	some     want = "some"     // what a fault touched is invalid, and the rest is used
)

// A row is a sensor, a device and what goes wrong.
type row struct {
	name  string
	model model
	idle  float64 // W
	rise  float64 // W that the baseline's load adds; the candidate adds 0.7 of it
	warm  float64 // by which the load's rise grows in a window, relative
	drift float64 // of the idle power from one idle window to the next, relative
	burst float64 // W, see device
	fault func(float64) (float64, error)
	long  float64 // sec that a fault lasts; there is one in each round, in the first load's window or the idle window before it
	share float64 // of readings that are NaN
	want  want
}

// The sensors that rows share. Periods and steps are those of real ones
// (docs/devices.md).
var (
	rapl   = model{kind: energy.Counter, scope: energy.Package, period: 0.001, step: 61e-6}
	ina    = model{kind: energy.Power, scope: energy.Module, period: 0.1, average: 0.1, noise: 0.05, step: 0.001}
	pmic   = model{kind: energy.Power, scope: energy.Board, period: 0.048, noise: 0.6, step: 0.0001}
	nvml   = model{kind: energy.Power, scope: energy.Package, period: 0.1, average: 1, noise: 0.05, step: 0.001}
	plug   = model{kind: energy.Power, scope: energy.Wall, period: 1, average: 1, noise: 0.05, step: 0.1}
	coarse = model{kind: energy.Power, scope: energy.Wall, period: 1, average: 1, step: 1}
	slow   = model{kind: energy.Counter, scope: energy.Wall, period: 1, step: 0.36}
)

func with(m model, f func(*model)) model { f(&m); return m }

var rows = []row{
	{name: "constant: power, 10 Hz, no noise", model: with(ina, func(m *model) { m.noise = 0 }), idle: 4.213, rise: 4.107, want: claims},
	{name: "constant: counter, 1 kHz", model: rapl, idle: 4.2, rise: 4.1, want: claims},
	{name: "ramps: the load warms by 10 %, idle drifts 3 %; power", model: ina, idle: 4, rise: 4, warm: 0.1, drift: 0.03, want: interval},
	{name: "ramps: the same; counter", model: rapl, idle: 4, rise: 4, warm: 0.1, drift: 0.03, want: interval},
	{name: "idle drifts 8 % per round; counter", model: rapl, idle: 4, rise: 4, drift: 0.08, want: refuses},
	{name: "noise: power, 10 Hz, 1 % of the load", model: ina, idle: 4, rise: 4, want: claims},
	{name: "noise: power, 21 Hz, 15 % (Raspberry Pi 5 PMIC)", model: pmic, idle: 3, rise: 4, want: interval},
	{name: "bursts: 7 ms square wave of ±2 W, momentary power at 1 kHz", model: with(ina, func(m *model) { m.period, m.average = 0.001, 0 }), idle: 4, rise: 4, burst: 2, want: interval},
	{name: "bursts: the same, averaged by the sensor over 0.1 s", model: ina, idle: 4, rise: 4, burst: 2, want: claims},
	{name: "steps of 25 mW (INA226)", model: with(ina, func(m *model) { m.step = 0.025 }), idle: 4, rise: 4, want: claims},
	{name: "steps of 1 W, load 4 W above idle (plug)", model: coarse, idle: 30.3, rise: 4.2, want: refuses},
	{name: "steps of 1 W, load 120 W above idle", model: coarse, idle: 60.3, rise: 180, want: claims},
	{name: "slow: power, 1 Hz, 0.1 W steps (plug)", model: plug, idle: 5, rise: 6, want: claims},
	{name: "slow: counter, 1 Hz, 0.1 mWh steps", model: slow, idle: 5, rise: 6, want: interval},
	{name: "averages over 1 s, shown at 10 Hz (NVML)", model: nvml, idle: 20, rise: 40, want: claims},
	{name: "lags: smoothed with 0.5 s", model: with(ina, func(m *model) { m.tau = 0.5 }), idle: 4, rise: 4, want: claims},
	{name: "lags: smoothed with 3 s", model: with(ina, func(m *model) { m.tau = 3 }), idle: 4, rise: 4, want: refuses},
	{name: "wraps every 500 J, hidden by the meter", model: with(rapl, func(m *model) { m.wrap = 500 }), idle: 20, rise: 20, want: claims},
	{name: "wraps every 9 kJ, not hidden", model: with(rapl, func(m *model) { m.wrap, m.raw = 9000, true }), idle: 20, rise: 20, want: some},
	{name: "gaps of 3 s in each round; power", model: ina, idle: 4, rise: 4, fault: silent, long: 3, want: some},
	{name: "gaps of 3 s in each round; counter (it loses nothing)", model: rapl, idle: 4, rise: 4, fault: silent, long: 3, want: some},
	{name: "gaps of 0.3 s in each round; power", model: ina, idle: 4, rise: 4, fault: silent, long: 0.3, want: claims},
	{name: "stuck for 4 s in each round; power", model: ina, idle: 4, rise: 4, fault: stuck, long: 4, want: some},
	{name: "stuck for 4 s in each round; counter", model: rapl, idle: 4, rise: 4, fault: stuck, long: 4, want: some},
	{name: "stuck from the first second on; power", model: ina, idle: 4, rise: 4, fault: stuck, long: 1e9, want: refuses},
	{name: "NaN in 5 % of the readings", model: ina, idle: 4, rise: 4, share: 0.05, want: claims},
	{name: "NaN for 2 s in each round", model: ina, idle: 4, rise: 4, fault: notFinite, long: 2, want: some},
	{name: "vanishes in the first second", model: ina, idle: 4, rise: 4, fault: silent, long: 1e9, want: refuses},
	{name: "load 1 mW above idle; power", model: ina, idle: 4, rise: 0.001, want: below},
	{name: "no load; counter", model: rapl, idle: 4, rise: 0, want: below},
	{name: "idle is 0 W (a rail of its own)", model: with(ina, func(m *model) { m.noise = 0.002 }), idle: 0, rise: 3, want: claims},
}
