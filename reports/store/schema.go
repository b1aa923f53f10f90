package store

import (
	"context"
	"database/sql"
	"fmt"
)

// application is written into the file's header, so that another program's
// database is never mistaken for a store: "Assa" in ASCII.
const application = 0x41737361

// migrations bring a store from version i to i+1; user_version counts them.
// A published step is never changed, only followed by another.
var migrations = []string{
	`CREATE TABLE runs (
		run      TEXT PRIMARY KEY,
		suite    TEXT NOT NULL,
		started  INTEGER NOT NULL, -- device's clock, ns since 1970; not a key: devices without a clock repeat times
		ended    INTEGER NOT NULL,
		received INTEGER NOT NULL, -- this store's clock
		device   TEXT NOT NULL,
		name     TEXT NOT NULL,
		class    TEXT NOT NULL,
		version  TEXT NOT NULL,
		partial  TEXT NOT NULL,
		labels   TEXT NOT NULL, -- JSON object
		groups_n INTEGER NOT NULL,
		cases_n  INTEGER NOT NULL,
		words    TEXT NOT NULL, -- JSON object: verdict to number of cases
		result   BLOB NOT NULL  -- gzipped JSON of the whole result without its samples
	) STRICT;
	CREATE INDEX runs_received ON runs (received);
	CREATE TABLE summaries (
		run TEXT NOT NULL REFERENCES runs (run) ON DELETE CASCADE,
		series TEXT NOT NULL,
		device TEXT NOT NULL, task TEXT NOT NULL, model TEXT NOT NULL, variant TEXT NOT NULL,
		engine TEXT NOT NULL, build TEXT NOT NULL, provider TEXT NOT NULL,
		threads INTEGER NOT NULL, batch INTEGER NOT NULL, scenario TEXT NOT NULL,
		metric TEXT NOT NULL, unit TEXT NOT NULL,
		value REAL NOT NULL, low REAL NOT NULL, high REAL NOT NULL, n INTEGER NOT NULL,
		verdict TEXT NOT NULL, trusted INTEGER NOT NULL,
		PRIMARY KEY (run, series)
	) STRICT, WITHOUT ROWID;
	CREATE INDEX summaries_series ON summaries (series);
	CREATE INDEX summaries_model ON summaries (model, metric);
	CREATE TABLE samples (
		run   TEXT NOT NULL REFERENCES runs (run) ON DELETE CASCADE,
		grp   INTEGER NOT NULL, -- position of the group in the result
		pos   INTEGER NOT NULL, -- position of the case in the group
		spans TEXT NOT NULL,    -- JSON: metric, unit, trial and number of values, in order
		data  BLOB NOT NULL,    -- the values, float64 little-endian
		PRIMARY KEY (run, grp, pos)
	) STRICT;
	CREATE TABLE probe (id INTEGER PRIMARY KEY CHECK (id = 1), at INTEGER NOT NULL) STRICT;`,

	// A point's time is fixed when its run is kept, one run of a device per
	// nanosecond. For runs kept before, it is found as reports.PointTime and
	// freeTime would have: i + max(t - i) over the runs of a device in order
	// is each one's own time, or 1 ns after its predecessor's.
	`ALTER TABLE runs ADD COLUMN at INTEGER NOT NULL DEFAULT 0; -- where its points lie in time
	WITH placed AS (
		SELECT run, device, received, CASE WHEN started < 1577836800000000000 -- 2020-01-01
			OR received >= 1577836800000000000 AND started > received + 86400000000000 THEN received ELSE started END AS t
		FROM runs),
	ordered AS (SELECT run, device, t, row_number() OVER (PARTITION BY device ORDER BY t, received, run) AS i FROM placed),
	spread AS (SELECT run, i + max(t - i) OVER (PARTITION BY device ORDER BY i) AS at FROM ordered)
	UPDATE runs SET at = spread.at FROM spread WHERE spread.run = runs.run;
	CREATE UNIQUE INDEX runs_at ON runs (device, at) WHERE at > 0; -- 0: by an older program that had the file open
	CREATE TABLE outbox (
		seq    INTEGER PRIMARY KEY AUTOINCREMENT, -- order of delivery; never used again, so that a late DELETE meets no other row
		run    TEXT NOT NULL,
		queued INTEGER NOT NULL, -- this store's clock
		n      INTEGER NOT NULL, -- number of lines
		lines  BLOB NOT NULL     -- gzipped line protocol, as it will be sent whatever version sends it
	) STRICT;
	CREATE TABLE dead (
		run    TEXT NOT NULL,
		line   TEXT NOT NULL,    -- "" where the queued copy itself was damaged
		died   INTEGER NOT NULL, -- this store's clock
		status INTEGER NOT NULL, -- HTTP
		why    TEXT NOT NULL,
		PRIMARY KEY (run, line)
	) STRICT, WITHOUT ROWID;
	CREATE TABLE delivery (
		id       INTEGER PRIMARY KEY CHECK (id = 1),
		done     INTEGER NOT NULL, -- last success
		tried    INTEGER NOT NULL, -- last attempt
		next     INTEGER NOT NULL, -- not before
		attempts INTEGER NOT NULL, -- failed, since the last success
		size     INTEGER NOT NULL, -- lines of the next request, 0 for the most
		cause    TEXT NOT NULL,    -- why not before next: '' nothing, backoff, asked, paused
		why      TEXT NOT NULL     -- in words
	) STRICT;`,
	regressions,
	normal,
}

// regressions holds what tells changes apart: under what each run was
// measured, what people have accepted, what was measured a second time, and
// the parts of builds that are kept to be measured again.
const regressions = `CREATE TABLE facts (
		run   TEXT PRIMARY KEY REFERENCES runs (run) ON DELETE CASCADE,
		facts TEXT NOT NULL -- JSON object
	) STRICT, WITHOUT ROWID;
	CREATE TABLE acks (
		series TEXT NOT NULL,
		run    TEXT NOT NULL, -- the level begins with it
		why    TEXT NOT NULL,
		at     INTEGER NOT NULL,
		PRIMARY KEY (series, run)
	) STRICT, WITHOUT ROWID;
	CREATE TABLE remeasured (
		series   TEXT NOT NULL,
		run      TEXT NOT NULL, -- whose build was measured again
		accepted TEXT NOT NULL, -- the run whose build it was measured against
		by       TEXT NOT NULL, -- the run that measured it
		control  INTEGER NOT NULL,
		mid REAL NOT NULL, se REAL NOT NULL, df INTEGER NOT NULL, n INTEGER NOT NULL, -- log ratio
		at       INTEGER NOT NULL,
		PRIMARY KEY (series, run)
	) STRICT, WITHOUT ROWID;
	CREATE TABLE parts (
		run    TEXT NOT NULL REFERENCES runs (run) ON DELETE CASCADE,
		role   TEXT NOT NULL, -- "assay", "assay-ort", "libonnxruntime", or "file"
		sha256 TEXT NOT NULL,
		size   INTEGER NOT NULL,
		PRIMARY KEY (run, role, sha256)
	) STRICT, WITHOUT ROWID;
	DROP INDEX summaries_model; -- no query can use it, since none must name a model; it cost a quarter of the time to keep a run`

// normal names each series once, where every row had repeated its words: a
// store without samples takes a quarter of the room, and keeping runs a third
// of the time. The view is what the table was, to read and, for a program that
// had the file open, to add to.
const normal = `CREATE TABLE series (
		id  INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again
		key TEXT NOT NULL UNIQUE,
		device TEXT NOT NULL, task TEXT NOT NULL, model TEXT NOT NULL, variant TEXT NOT NULL,
		engine TEXT NOT NULL, provider TEXT NOT NULL,
		threads INTEGER NOT NULL, batch INTEGER NOT NULL, scenario TEXT NOT NULL,
		metric TEXT NOT NULL
	) STRICT;
	CREATE TABLE points (
		run    TEXT NOT NULL REFERENCES runs (run) ON DELETE CASCADE,
		series INTEGER NOT NULL REFERENCES series (id),
		build  TEXT NOT NULL,
		unit   TEXT NOT NULL,
		value REAL NOT NULL, low REAL NOT NULL, high REAL NOT NULL, n INTEGER NOT NULL,
		verdict TEXT NOT NULL, trusted INTEGER NOT NULL,
		PRIMARY KEY (run, series)
	) STRICT, WITHOUT ROWID;
	INSERT INTO series (key, device, task, model, variant, engine, provider, threads, batch, scenario, metric)
		SELECT series, device, task, model, variant, engine, provider, threads, batch, scenario, metric FROM summaries GROUP BY series;
	INSERT INTO points SELECT run, id, build, unit, value, low, high, n, verdict, trusted FROM summaries JOIN series ON key = summaries.series ORDER BY run, id;
	DROP TABLE summaries;
	CREATE VIEW summaries AS SELECT run, key AS series, device, task, model, variant, engine, build, provider, threads, batch, scenario,
		metric, unit, value, low, high, n, verdict, trusted FROM points JOIN series ON id = points.series;
	CREATE TRIGGER summaries_insert INSTEAD OF INSERT ON summaries BEGIN
		INSERT INTO series (key, device, task, model, variant, engine, provider, threads, batch, scenario, metric)
			VALUES (NEW.series, NEW.device, NEW.task, NEW.model, NEW.variant, NEW.engine, NEW.provider, NEW.threads, NEW.batch, NEW.scenario, NEW.metric)
			ON CONFLICT (key) DO NOTHING;
		INSERT INTO points SELECT NEW.run, id, NEW.build, NEW.unit, NEW.value, NEW.low, NEW.high, NEW.n, NEW.verdict, NEW.trusted FROM series WHERE key = NEW.series;
	END`

// migrate brings the schema up to date in one transaction.
func migrate(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil) // immediate: the DSN says so
	if err != nil {
		return err
	}
	defer tx.Rollback()
	var version, app, tables int
	if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	if err := tx.QueryRowContext(ctx, "PRAGMA application_id").Scan(&app); err != nil {
		return err
	}
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master").Scan(&tables); err != nil {
		return err
	}
	switch {
	case app != application && (tables > 0 || app != 0):
		return errOther
	case version > len(migrations):
		return fmt.Errorf("its schema is version %d, this program knows %d: use a newer assay, or another store (ASSAY_STORE)", version, len(migrations))
	case version == len(migrations):
		return nil
	}
	for _, step := range migrations[max(version, 0):] {
		if _, err := tx.ExecContext(ctx, step); err != nil {
			return err
		}
	}
	// Pragmas take no parameters; both numbers are ours.
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d; PRAGMA application_id = %d", len(migrations), application)); err != nil {
		return err
	}
	return tx.Commit()
}
