package host

import (
	"time"

	"github.com/prometheus/procfs"
)

// tasks lists all processes that this one may see under a mount of proc; one
// that ends meanwhile is left out.
func tasks(mount string) ([]task, error) {
	fs, err := procfs.NewFS(mount)
	if err != nil {
		return nil, err
	}
	procs, err := fs.AllProcs()
	if err != nil {
		return nil, err
	}
	out := make([]task, 0, len(procs))
	for _, p := range procs {
		s, err := p.Stat()
		if err != nil {
			continue
		}
		const tick = time.Second / userHZ
		out = append(out, task{
			pid: s.PID, parent: s.PPID, started: float64(s.Starttime), name: s.Comm,
			used: time.Duration(s.UTime+s.STime) * tick, ended: time.Duration(s.CUTime+s.CSTime) * tick,
		})
	}
	return out, nil
}
