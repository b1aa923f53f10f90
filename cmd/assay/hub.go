package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"assay/agents/hub"
	"assay/bench"
	"assay/reports/store"

	"github.com/spf13/cobra"
)

func newHub() *cobra.Command {
	var cfg hub.Config
	var quiet bool
	var pages pageFlags
	var cluster clusterFlags
	c := &cobra.Command{
		Use:   "hub",
		Short: "Give suites to the devices of a fleet and take their results",
		Long: `Hub runs until it is stopped. Devices join it by assay agent join; assay dispatch
gives them a suite, assay fleet shows them. Everything is in the folder --data:
keys, jobs, model files, and the results in assay.db there. It may be killed and
started again at any moment.

With --nats the queues, plans, outcomes and model files are in a NATS cluster of
yours, --replicas times; keys and results stay in the folder.

Whoever can read the folder is the fleet's administrator; assay fleet user lets
others in. Devices talk to the hub by TLS alone and know it by a fingerprint in the
join string. --http serves pages.`,
		Example: "  assay hub --data /var/lib/assay --listen 0.0.0.0:4222 --advertise hub.lab:4222",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var err error
			if cfg.Dir, err = folder(cfg.Dir, hubVariable, "hub"); err != nil {
				return err
			}
			if cfg.Cluster, err = cluster.cluster(c); err != nil {
				return usage("%v", err)
			}
			level := slog.LevelInfo
			if quiet {
				level = slog.LevelWarn
			}
			cfg.Log = logger(c.ErrOrStderr(), level)
			return runHub(c, cfg, pages)
		},
	}
	fl := c.Flags()
	fl.StringVar(&cfg.Dir, "data", "", hubFlag)
	fl.StringVar(&cfg.Listen, "listen", "127.0.0.1:4222", "host:port to listen on")
	fl.StringVar(&cfg.Advertise, "advertise", "", "host:port by which devices reach it (default what it listens on)")
	pages.add(c)
	fl.StringVar(&cfg.TLS.Cert, "tls-cert", "", "PEM file of a certificate of your own, for the host of --advertise (default the hub makes one)")
	fl.StringVar(&cfg.TLS.Key, "tls-key", "", "PEM file of its key")
	fl.StringVar(&cfg.TLS.CA, "tls-ca", "", "PEM file of the authority that devices know the hub by")
	fl.BoolVar(&cfg.Mutual, "mtls", false, "devices and people must show a certificate of their key, too")
	fl.DurationVar(&cfg.AckWait, "ack-wait", hub.DefaultAckWait, "how long a job stays with a device that does not speak of it")
	fl.DurationVar(&cfg.Stale, "stale", hub.DefaultStale, "how long after its last heartbeat a device is away")
	cluster.add(c)
	fl.BoolVar(&quiet, "quiet", false, "log only what is wrong")
	return c
}

// clusterFlags name the NATS servers that a hub stands beside.
type clusterFlags struct {
	servers, domain, creds string
	replicas               int
}

func (f *clusterFlags) add(c *cobra.Command) {
	fl := c.Flags()
	fl.StringVar(&f.servers, "nats", "", "your own NATS servers with JetStream instead of the one in the hub: nats://a,b,c, where they listen for leaves (port 7422)")
	fl.StringVar(&f.domain, "domain", "assay", "domain of those servers' JetStream")
	fl.StringVar(&f.creds, "creds", "", "file with the credentials of a user of those servers")
	fl.IntVar(&f.replicas, "replicas", 3, "how many of those servers keep each stream, 1 to 5")
}

// cluster returns the one that is meant, none where no servers are named.
func (f *clusterFlags) cluster(c *cobra.Command) (hub.Cluster, error) {
	switch {
	case f.servers != "":
		return hub.NATSCluster(f.servers, f.domain, f.creds, f.replicas)
	case f.creds != "" || c.Flags().Changed("replicas"):
		return hub.Cluster{}, errors.New("--creds and --replicas are for a cluster: --nats says where it is")
	}
	return hub.Cluster{}, nil
}

func runHub(c *cobra.Command, cfg hub.Config, f pageFlags) error {
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return err
	}
	db, err := store.Open(filepath.Join(cfg.Dir, "assay.db"))
	if err != nil {
		return err
	}
	defer db.Close()
	cfg.Keeper = hubStore{db}
	h, err := hub.Start(c.Context(), cfg)
	if err != nil {
		return err
	}
	defer h.Close()
	join, err := h.Invite(c.Context())
	if err != nil {
		return err
	}
	fmt.Fprintf(c.OutOrStdout(), `hub listens on %s, results are kept in %s
One device may join within the hour: run "assay agent join" there and give it this line.
"assay fleet invite" prints one for the next device.
%s
`, cfg.Listen, db.Where(), join)
	if f.addr != "" {
		p, err := openPages(c.Context(), f, h, cfg, db)
		if err != nil {
			return err
		}
		defer p.close()
		go p.serve(cfg.Log)
		fmt.Fprintf(c.OutOrStdout(), "the pages are at %s\n", p.at)
	}
	select {
	case <-c.Context().Done():
		return nil
	case <-h.Gone():
		return errors.New("another hub has taken the cluster: one hub at a time")
	}
}

// Environment variables that name folders.
const (
	hubVariable   = "ASSAY_HUB"
	agentVariable = "ASSAY_AGENT"
)

const hubFlag = "folder of the hub (default $" + hubVariable + " or hub in the user's data folder)"

// folder returns a folder by flag, environment, or the user's data folder.
func folder(flag, variable, name string) (string, error) {
	if flag == "" {
		flag = os.Getenv(variable)
	}
	if flag != "" {
		return filepath.Abs(flag)
	}
	db, err := store.Path()
	if err != nil {
		return "", fmt.Errorf("find the folder: %w (or set %s)", err, variable)
	}
	return filepath.Join(filepath.Dir(db), name), nil
}

func logger(w io.Writer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
}

// A hubStore puts results of the fleet into the hub's store.
type hubStore struct{ db *store.SQLite }

var _ hub.Keeper = hubStore{}

// runID is what bench.Run calls a run. No other id is taken from a device: the
// store finds runs by the beginnings of their ids.
var runID = regexp.MustCompile("^[0-9a-f]{16}$")

// Keep stores results that devices have sent, in one transaction. Each must be
// the sender's own, and may not pass for a run that another has sent.
func (k hubStore) Keep(ctx context.Context, all []hub.Sent) []hub.Kept {
	kept := make([]hub.Kept, len(all))
	results := make([]*bench.Result, len(all))
	owners := map[string]string{}
	var ids []string
	for i, s := range all {
		if results[i], kept[i].Err = own(s); kept[i].Err == nil {
			ids = append(ids, results[i].Run)
		}
	}
	stored, err := k.db.Devices(ctx, ids)
	maps.Copy(owners, stored)
	var good []*bench.Result
	var at []int
	for i, s := range all {
		if kept[i].Err != nil {
			continue
		}
		if err != nil {
			kept[i].Err = err
			continue
		}
		r := results[i]
		if owner, ok := owners[r.Run]; ok && owner != s.Device {
			kept[i].Err = fmt.Errorf("%w of the device that sent it: run %s is another device's", hub.ErrBad, r.Run)
			continue
		}
		owners[r.Run], kept[i].Run = s.Device, r.Run
		good, at = append(good, r), append(at, i)
	}
	if len(good) == 0 || k.db.PutAll(ctx, good) == nil {
		return kept
	}
	for j, r := range good { // one that cannot be stored holds no other up
		if err := k.db.Put(ctx, r); err != nil {
			kept[at[j]] = hub.Kept{Err: err}
		}
	}
	return kept
}

// own unpacks a result, if it is one and its sender's.
func own(s hub.Sent) (*bench.Result, error) {
	r, err := unpackResult(s.Packed)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", hub.ErrBad, err)
	case !runID.MatchString(r.Run):
		return nil, fmt.Errorf("%w: run %.40q is no id", hub.ErrBad, r.Run)
	case r.Device.ID != s.Device:
		return nil, fmt.Errorf("%w of the device that sent it: it says device %.40q", hub.ErrBad, r.Device.ID)
	}
	return r, nil
}

// Packed returns a stored result as it travels.
func (k hubStore) Packed(ctx context.Context, run string) ([]byte, error) {
	r, err := k.db.Get(ctx, run)
	if err != nil {
		return nil, err
	}
	return packResult(r)
}

// shortly bounds commands that ask a hub one thing.
func shortly(c *cobra.Command) (context.Context, context.CancelFunc) {
	return context.WithTimeout(c.Context(), 20*time.Second)
}
