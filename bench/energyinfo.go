package bench

import "time"

// DefaultEnergy is what an energy plan says where the user does not.
var DefaultEnergy = EnergyPlan{Rounds: 5, Settle: 30 * time.Second}

// EnergyInfo says by what the energy of a group was measured. Sensor error is
// systematic: it hits all cases alike and is not in the intervals, which say
// how well the measurement repeats.
type EnergyInfo struct {
	Meter     string   `json:"meter"`               // "rapl: package-0 + package-1"
	Scope     string   `json:"scope"`               // package, rail, module, board or wall
	Kind      string   `json:"kind"`                // counter or power
	Estimated string   `json:"estimated,omitempty"` // why the figures are estimates
	Error     float64  `json:"error,omitempty"`     // relative error of the sensor as stated by its source, 0 if not known
	Period    float64  `json:"period_sec"`          // real time between new values, measured
	Every     float64  `json:"every_sec"`           // time between readings
	Idle      float64  `json:"idle_watts"`          // mean over the idle windows
	Rounds    int      `json:"rounds"`
	Window    float64  `json:"window_sec"`
	IdleTime  float64  `json:"idle_sec"`
	Cost      float64  `json:"sampler_share"`       // of one core that reading the meter took
	Discarded int      `json:"discarded,omitempty"` // windows that were invalid
	Seconds   float64  `json:"seconds"`             // that the energy of this group took
	AA        *Control `json:"aa,omitempty"`        // the baseline's net energy against itself
	Notes     []string `json:"notes,omitempty"`
}
