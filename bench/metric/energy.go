package metric

// Energy metrics. All are per inference and, but for the gross energy, with
// the idle power of the device subtracted; the meter and its scope are the
// Source of their estimates. The product is after Gonzalez and Horowitz (1996).
var (
	EnergyNet   = Register(&Metric{Name: "energy.net", Unit: "J", Better: -1, Timing: true, Doc: "energy of one inference, idle subtracted"})
	EnergyGross = Register(&Metric{Name: "energy.gross", Unit: "J", Better: -1, Timing: true, Doc: "energy of one inference, idle included"})
	EnergyDelay = Register(&Metric{Name: "energy.delay", Unit: "J·sec", Better: -1, Timing: true, Doc: "energy-delay product: net energy × time of one inference"})
	PerJoule    = Register(&Metric{Name: "energy.efficiency", Unit: "1/J", Better: +1, Timing: true, Doc: "inferences per joule of net energy"})
	PowerActive = Register(&Metric{Name: "power", Unit: "W", Better: -1, Timing: true, Doc: "mean power while inferences run, idle included"})
)
