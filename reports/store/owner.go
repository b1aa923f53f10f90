package store

import (
	"context"
	"encoding/json"
)

// Devices returns the device of each of the runs that are here, by the run's
// whole id.
func (s *SQLite) Devices(ctx context.Context, runs []string) (map[string]string, error) {
	ids, err := json.Marshal(runs)
	if err != nil {
		return nil, err
	}
	rows, err := s.db.QueryContext(ctx, "SELECT run, device FROM runs WHERE run IN (SELECT value FROM json_each(?))", string(ids))
	if err != nil {
		return nil, s.wrap(err)
	}
	defer rows.Close()
	out := map[string]string{}
	for rows.Next() {
		var run, device string
		if err := rows.Scan(&run, &device); err != nil {
			return nil, s.wrap(err)
		}
		out[run] = device
	}
	return out, s.wrap(rows.Err())
}
