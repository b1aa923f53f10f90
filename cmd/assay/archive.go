package main

import (
	"context"

	"assay/bench"
	"assay/reports/store"
	"assay/reports/store/influx"
)

// An archive is where runs are kept and pushed to.
type archive struct {
	db     *store.SQLite  // nil where nothing is stored
	client *influx.Client // nil where nothing is pushed
}

// open opens the store and, where there is one, the way to an InfluxDB.
func (f *runFlags) open(ctx context.Context) (k archive, err error) {
	if k.db, err = openStore(ctx, f.store); err != nil {
		return k, err
	}
	if k.client, err = f.influx.forward(k.db); err != nil {
		k.close()
	}
	return k, err
}

func (k archive) close() {
	if k.client != nil {
		k.client.Close()
	}
	if k.db != nil {
		k.db.Close()
	}
}

// measure runs the groups while no process delivers out of the store.
func (k archive) measure(ctx context.Context, set bench.Setup, groups []bench.Group) (*bench.Result, error) {
	if k.db != nil {
		release, err := k.db.Outbox().Measuring(ctx)
		if err != nil {
			return nil, err
		}
		defer release()
	}
	return bench.Run(ctx, set, groups)
}

// openStore opens the store and proves that it can be written, before an hour
// is spent measuring; nil where nothing is to be stored.
func openStore(ctx context.Context, path string) (*store.SQLite, error) {
	if path == "none" {
		return nil, nil
	}
	if path == influxStore {
		return nil, usage("--store influx is for reading (assay history): runs are kept in SQLite and pushed from there")
	}
	if path == "" {
		var err error
		if path, err = store.Path(); err != nil {
			return nil, err
		}
	}
	db, err := store.Open(path)
	if err != nil {
		return nil, err
	}
	if err := db.Check(ctx); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}
