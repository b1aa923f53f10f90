package metric

// Metrics of the load scenarios (bench/loadgen) and of the soak. The bounds of
// query.p90 and query.p99 are LoadGen's early-stopping ones.
var (
	QueryP50 = Register(&Metric{Name: "query.p50", Unit: "sec", Better: -1, Timing: true, Doc: "median time of a query: multi-stream, or server at the highest rate held"})
	QueryP90 = Register(&Metric{Name: "query.p90", Unit: "sec", Better: -1, Timing: true, Doc: "90th percentile of the time of a query, by early stopping"})
	QueryP99 = Register(&Metric{Name: "query.p99", Unit: "sec", Better: -1, Timing: true, Doc: "99th percentile of the time of a query, by early stopping"})
	MaxRate  = Register(&Metric{Name: "rate.max", Unit: "1/sec", Better: +1, Timing: true, Doc: "highest rate of queries whose latency stays within the server's bound"})
	Batch    = Register(&Metric{Name: "batch", Unit: "1", Exact: true, Timing: true, Doc: "samples of an inference that give the highest throughput: offline"})

	Burst         = Register(&Metric{Name: "latency.burst", Unit: "sec", Better: -1, Timing: true, Doc: "median time of one inference in the first minute of a soak"})
	Sustained     = Register(&Metric{Name: "latency.sustained", Unit: "sec", Better: -1, Timing: true, Doc: "median time of one inference on the plateau of a soak"})
	BurstRate     = Register(&Metric{Name: "throughput.burst", Unit: "1/sec", Better: +1, Timing: true, Doc: "samples per second in the first minute of a soak"})
	SustainedRate = Register(&Metric{Name: "throughput.sustained", Unit: "1/sec", Better: +1, Timing: true, Doc: "samples per second on the plateau of a soak"})
)
