package metric

// The metrics of the main job. Accuracy is a ratio (0..1) and printed in
// percent; its difference to the baseline is in points ("pt", 1 pt = 0.01).
var (
	Top1       = Register(&Metric{Name: "top1", Unit: "ratio", Better: +1, Exact: true, Doc: "share of samples whose highest output is the label"})
	Agreement  = Register(&Metric{Name: "agreement", Unit: "ratio", Better: +1, Exact: true, Doc: "share of samples on which the variant and its baseline give the same answer"})
	SQNR       = Register(&Metric{Name: "sqnr", Unit: "dB", Better: +1, Exact: true, Doc: "signal-to-quantization-noise ratio of the outputs against the baseline's"})
	P50        = Register(&Metric{Name: "latency.p50", Unit: "sec", Better: -1, Timing: true, Doc: "median time of one inference"})
	P90        = Register(&Metric{Name: "latency.p90", Unit: "sec", Better: -1, Timing: true, Doc: "90th percentile of the time of one inference"})
	P99        = Register(&Metric{Name: "latency.p99", Unit: "sec", Better: -1, Timing: true, Doc: "99th percentile of the time of one inference"})
	Start      = Register(&Metric{Name: "latency.start", Unit: "sec", Better: -1, Timing: true, Doc: "process start until the worker answers, in a fresh process"})
	Load       = Register(&Metric{Name: "latency.load", Unit: "sec", Better: -1, Timing: true, Doc: "loading the model, in a fresh process"})
	First      = Register(&Metric{Name: "latency.first", Unit: "sec", Better: -1, Timing: true, Doc: "the first inference after loading, in a fresh process"})
	Throughput = Register(&Metric{Name: "throughput", Unit: "1/sec", Better: +1, Timing: true, Doc: "samples per second, batch included"})
	PeakMemory = Register(&Metric{Name: "memory.peak", Unit: "B", Better: -1, Doc: "peak resident memory of a fresh worker"})
	Size       = Register(&Metric{Name: "size", Unit: "B", Better: -1, Exact: true, Doc: "the model's file, external data included"})
	PackedSize = Register(&Metric{Name: "size.packed", Unit: "B", Better: -1, Exact: true, Doc: "weights as the native engine packs them"})
	Params     = Register(&Metric{Name: "parameters", Unit: "1", Better: -1, Exact: true, Doc: "trainable parameters"})
)
