package metric

// Memory metrics beside the peak: what the phases of a worker took, and what
// other sources than its resident memory say (docs/method.md, "Memory").
var (
	Steady       = Register(&Metric{Name: "memory.steady", Unit: "B", Better: -1, Doc: "proportional resident memory of a warm worker"})
	LoadMemory   = Register(&Metric{Name: "memory.load", Unit: "B", Better: -1, Doc: "peak while the model is loaded, above what the worker had before"})
	RunMemory    = Register(&Metric{Name: "memory.run", Unit: "B", Better: -1, Doc: "peak while inferences run, above what the worker had with the model loaded and inputs bound"})
	ArenaMemory  = Register(&Metric{Name: "memory.arena", Unit: "B", Better: -1, Doc: "taken from the system by the engine's own allocator"})
	SharedMemory = Register(&Metric{Name: "memory.shared", Unit: "B", Better: -1, Doc: "held for the GPU where it shares the processor's memory, beside what is resident"})
	CgroupMemory = Register(&Metric{Name: "memory.cgroup", Unit: "B", Better: -1, Doc: "peak of the worker's cgroup since it said hello, page cache and kernel memory included"})
)
