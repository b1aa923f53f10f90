// Package host says what a device is and in what condition it is: identity
// keys the history, condition is evidence for or against a measurement. Every
// reader takes the root of a file system, so that recorded trees of real
// boards can be tested; on the running system (Root) gopsutil adds what it
// knows well and what other systems than Linux need.
package host

import "time"

// A Device is one unit. Its ID keys series; its Class groups equal devices.
type Device struct {
	ID       string            `json:"id"`    // stable across boots: from machine-id, hashed
	Name     string            `json:"name"`  // host name
	Class    string            `json:"class"` // "rpi5", "jetson-orin-nx", or "amd64-amd-epyc-zen-3-2c"
	Arch     string            `json:"arch"`  // GOARCH
	OS       string            `json:"os"`
	Kernel   string            `json:"kernel"`
	CPU      string            `json:"cpu"` // model name
	Cores    int               `json:"cores"`
	Features []string          `json:"features"`          // instruction sets that matter here: avx2, avx512f, avx512_vnni, asimddp, …
	Memory   int64             `json:"memory"`            // B
	Virtual  string            `json:"virtual,omitempty"` // hypervisor, "" on bare metal; a container is in Facts
	Board    string            `json:"board,omitempty"`   // device-tree model or DMI product
	Facts    map[string]string `json:"facts,omitempty"`   // governor driver, SMT, THP, microcode, …
}

// A Condition is a device's state at one moment.
type Condition struct {
	At         time.Time          `json:"at"`
	CPUs       int                `json:"cpus,omitempty"` // online
	Governor   string             `json:"governor,omitempty"`
	Driver     string             `json:"driver,omitempty"`  // of the clock: on intel_pstate and amd-pstate "powersave" means automatic
	MHz        float64            `json:"mhz,omitempty"`     // mean current clock, 0 if unknown
	MaxMHz     float64            `json:"max_mhz,omitempty"` // the highest clock that the governor may choose, 0 if unknown
	Celsius    map[string]float64 `json:"celsius,omitempty"`
	Throttled  int64              `json:"throttled"`             // throttle events since boot, −1 if unknown
	PowerMode  string             `json:"power_mode,omitempty"`  // Jetson's nvpmodel
	OverPower  int64              `json:"oc3,omitempty"`         // events since boot of Jetson's oc3: the module's average power was at its limit
	Firmware   uint32             `json:"firmware,omitempty"`    // Raspberry Pi's get_throttled: bits 0–3 now, 16–19 since boot
	FirmwareBy string             `json:"firmware_by,omitempty"` // who told Firmware: sysfs, vcgencmd, rpi_volt; "" if nobody
	Steal      float64            `json:"steal_sec"`             // CPU seconds stolen since boot
	Busy       float64            `json:"busy_sec"`              // CPU seconds used by all processes since boot
	Own        float64            `json:"own_sec"`               // CPU seconds of this process and of those of its children that have ended
	Quota      int64              `json:"cgroup_throttled"`      // cgroup nr_throttled, −1 if unknown
	Boost      string             `json:"boost,omitempty"`       // "on" or "off": whether the clock may rise above its nominal value; "" if unknown
	Waited     float64            `json:"cpu_waited_sec"`        // seconds since boot in which some task waited for a CPU (PSI), −1 if unknown
	Load1      float64            `json:"load1"`
	Running    int                `json:"running,omitempty"` // tasks that run or wait for a CPU now, this one included
	SwapUsed   int64              `json:"swap_used"`
	FreeMem    int64              `json:"mem_available"`
	Notes      []string           `json:"notes,omitempty"`
}
