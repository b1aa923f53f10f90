package agents_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"assay/agents"
	"assay/agents/hub"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"
)

// serveNATS runs a server of a team's cluster until it is killed.
func serveNATS() error {
	o := &server.Options{
		ServerName: os.Getenv("FLEET_NAME"), Host: "127.0.0.1", Port: -1, NoSigs: true,
		JetStream: true, JetStreamDomain: "team", StoreDir: os.Getenv("FLEET_DIR"), SyncAlways: true, MaxPayload: 8 << 20,
		Cluster: server.ClusterOpts{Name: "team", Host: "127.0.0.1"}, LeafNode: server.LeafNodeOpts{Host: "127.0.0.1"},
	}
	if _, err := fmt.Sscan(os.Getenv("FLEET_PORTS"), &o.Port, &o.Cluster.Port, &o.LeafNode.Port); err != nil {
		return err
	}
	for r := range strings.FieldsSeq(os.Getenv("FLEET_ROUTES")) {
		u, err := url.Parse("nats://" + r)
		if err != nil {
			return err
		}
		o.Routes = append(o.Routes, u)
	}
	operator, err := jwt.DecodeOperatorClaims(os.Getenv("FLEET_OPERATOR"))
	if err != nil {
		return err
	}
	o.TrustedOperators, o.SystemAccount = []*jwt.OperatorClaims{operator}, operator.SystemAccount
	memory := &server.MemAccResolver{}
	for claims := range strings.FieldsSeq(os.Getenv("FLEET_ACCOUNTS")) {
		a, err := jwt.DecodeAccountClaims(claims)
		if err == nil {
			err = memory.Store(a.Subject, claims)
		}
		if err != nil {
			return err
		}
	}
	o.AccountResolver = memory
	s, err := server.NewServer(o)
	if err != nil {
		return err
	}
	s.SetLoggerV2(quietLog{slog.New(slog.NewTextHandler(os.Stderr, nil))}, false, false, false)
	s.Start()
	s.WaitForShutdown()
	return nil
}

// quietLog takes the warnings and errors of a server.
type quietLog struct{ *slog.Logger }

func (quietLog) Noticef(string, ...any)      {}
func (quietLog) Debugf(string, ...any)       {}
func (quietLog) Tracef(string, ...any)       {}
func (l quietLog) Warnf(f string, v ...any)  { l.Warn(fmt.Sprintf(f, v...)) }
func (l quietLog) Errorf(f string, v ...any) { l.Error(fmt.Sprintf(f, v...)) }
func (l quietLog) Fatalf(f string, v ...any) { l.Error(fmt.Sprintf(f, v...)) }

// A team is a cluster of three servers in processes of their own.
type team struct {
	servers       []*child
	client, leafs string // host:port, of the first; by commas, of all
	creds         string // file
}

// newTeam starts a cluster that knows its users as nsc makes them: by an
// operator, an account with JetStream, and a file of credentials.
func newTeam(t *testing.T) *team {
	t.Helper()
	operator, accounts, creds := operators(t)
	tm := &team{creds: filepath.Join(t.TempDir(), "hub.creds")}
	if err := os.WriteFile(tm.creds, creds, 0o600); err != nil {
		t.Fatal(err)
	}
	var ports, routes, leafs []string
	for range 3 {
		var three []string
		for _, at := range []string{address(t), address(t), address(t)} {
			three = append(three, at[strings.LastIndexByte(at, ':')+1:])
		}
		ports = append(ports, strings.Join(three, " "))
		routes, leafs = append(routes, "127.0.0.1:"+three[1]), append(leafs, "127.0.0.1:"+three[2])
		if tm.client == "" {
			tm.client = "127.0.0.1:" + three[0]
		}
	}
	tm.leafs = strings.Join(leafs, ",")
	for i := range ports {
		c := &child{log: &safeBuffer{}, env: []string{
			"FLEET_ROLE=nats", fmt.Sprintf("FLEET_NAME=n%d", i), "FLEET_DIR=" + t.TempDir(), "FLEET_PORTS=" + ports[i],
			"FLEET_ROUTES=" + strings.Join(routes, " "), "FLEET_OPERATOR=" + operator, "FLEET_ACCOUNTS=" + strings.Join(accounts, " "),
		}}
		c.start(t)
		t.Cleanup(func() { c.kill(t) })
		tm.servers = append(tm.servers, c)
	}
	return tm
}

// operators returns the claims of an operator and its accounts, and the
// credentials of a user.
func operators(t testing.TB) (operator string, accounts []string, creds []byte) {
	t.Helper()
	pair := func(p nkeys.KeyPair, err error) (nkeys.KeyPair, string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		public, err := p.PublicKey()
		if err != nil {
			t.Fatal(err)
		}
		return p, public
	}
	must := func(s string, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	op, opKey := pair(nkeys.CreateOperator())
	_, systemKey := pair(nkeys.CreateAccount())
	team, teamKey := pair(nkeys.CreateAccount())
	user, userKey := pair(nkeys.CreateUser())
	oc := jwt.NewOperatorClaims(opKey)
	oc.SystemAccount = systemKey
	tc := jwt.NewAccountClaims(teamKey)
	tc.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: -1, DiskStorage: -1, Streams: -1, Consumer: -1}
	accounts = []string{must(jwt.NewAccountClaims(systemKey).Encode(op)), must(tc.Encode(op))}
	uc := jwt.NewUserClaims(userKey)
	seed, err := user.Seed()
	if err != nil {
		t.Fatal(err)
	}
	creds, err = jwt.FormatUserConfig(must(uc.Encode(team)), seed)
	if err != nil {
		t.Fatal(err)
	}
	return must(oc.Encode(op)), accounts, creds
}

// clusterOf is the configuration of a hub beside a cluster, from the
// environment; none where there is none.
func clusterOf(servers, creds string) hub.Cluster {
	if servers == "" {
		return hub.Cluster{}
	}
	c, err := hub.NATSCluster("nats://"+servers, "team", creds, 3)
	if err != nil {
		panic(err) // the test's own addresses
	}
	return c
}

// TestCluster: one of three servers is killed in the middle of a dispatch, which
// a hub that was moved meanwhile finishes: each job has exactly one result. The
// hub has no stream of its own.
func TestCluster(t *testing.T) {
	tm := newTeam(t)
	s := newStorm(t, 1, tm)
	nc, err := nats.Connect("nats://"+tm.client, nats.UserCredentials(tm.creds), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), agents.Jobs)
	if err != nil || stream.CachedInfo().Config.Replicas != 3 {
		t.Fatalf("the queue in the cluster: %+v, %v", stream, err)
	}
	if _, err := os.Stat(filepath.Join(s.dir, "jetstream")); !os.IsNotExist(err) {
		t.Errorf("the hub has a JetStream of its own: %v", err)
	}
	var ids []string
	for i := range 6 {
		id := fmt.Sprintf("d%d", i)
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
		defer cancel()
		if _, err := s.cl.Dispatch(ctx, agents.Order{ID: id, Lane: "nightly", Any: i%3 == 0, Expire: time.Hour, Job: agents.Job{Suite: "s", Document: "suites: {}"}}); err != nil {
			t.Fatalf("%v, log of the hub:\n%s", err, s.hub.log)
		}
		ids = append(ids, id)
		switch i {
		case 1:
			tm.servers[1].kill(t)
		case 3:
			s.hub.kill(t)
			s.hub.start(t)
		case 4:
			tm.servers[1].start(t)
		}
	}
	s.verify(t, ids, map[string]int{"server of the cluster killed": 1, "hub killed": 1})
	until(t, "the queue is empty", func() bool {
		i, err := stream.Info(t.Context())
		return err == nil && i.State.Msgs == 0
	})
	oneHub(t, s, tm)
}

// oneHub starts a second hub beside the cluster of s: refused while the first
// one is there, let in once that has died; the first one ends when it comes back
// after all, and when the second has ended, too, a third one need not wait.
func oneHub(t *testing.T, s *storm, tm *team) {
	second := hubConfig(t.TempDir(), address(t), "", io.Discard)
	second.Advertise = second.Listen
	second.Cluster = clusterOf(tm.leafs, tm.creds)
	if h, err := hub.Start(t.Context(), second); err == nil || !strings.Contains(err.Error(), "the cluster belongs to the hub on") || !strings.Contains(err.Error(), " since 2") {
		t.Fatalf("a second hub: %v, %v", h, err)
	}
	if err := s.hub.cmd.Process.Signal(syscall.SIGSTOP); err != nil { // it reaches nothing, and does not know
		t.Fatal(err)
	}
	h, err := hub.Start(t.Context(), second)
	if err != nil {
		t.Fatalf("the first hub is silent: %v", err)
	}
	if err := s.hub.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	until(t, "the first hub ends", func() bool { return strings.Contains(s.hub.log.String(), "another hub has taken the cluster") })
	select {
	case <-h.Gone():
		t.Error("the second hub ends, too")
	default:
	}
	s.hub.kill(t)
	h.Close()
	said := &safeBuffer{}
	third := hubConfig(t.TempDir(), address(t), "", said)
	third.Advertise, third.Cluster = third.Listen, second.Cluster
	if h, err = hub.Start(t.Context(), third); err != nil {
		t.Fatal(err)
	}
	h.Close()
	if strings.Contains(said.String(), "another hub's") {
		t.Errorf("the third hub waits for one that has ended:\n%s", said)
	}
}

// TestClusterRefused: addresses that are none, and what else is wrong, are said.
func TestClusterRefused(t *testing.T) {
	for text, want := range map[string]string{
		"":               "want nats://HOST",
		"http://a":       "want nats://HOST",
		"nats://a,,c":    "is no HOST[:PORT]",
		"nats://u:p@a":   "is no HOST[:PORT]",
		"nats://a/b":     "is no HOST[:PORT]",
		"nats://a:x":     "is no HOST[:PORT]",
		"tls://a,b:7422": "",
	} {
		c, err := hub.NATSCluster(text, "team", "", 3)
		if want == "" && (err != nil || len(c.Servers) != 2 || c.Servers[0].Host != "a:7422" || c.Servers[1].Scheme != "tls") {
			t.Errorf("%q: %+v, %v", text, c, err)
		}
		if want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if _, err := hub.NATSCluster("nats://a", "team", "", 6); err == nil || !strings.Contains(err.Error(), "want 1 to 5") {
		t.Errorf("6 replicas: %v", err)
	}
	if _, err := hub.NATSCluster("nats://a", "team", filepath.Join(t.TempDir(), "none"), 3); err == nil || !strings.Contains(err.Error(), "--creds") {
		t.Errorf("no credentials: %v", err)
	}
}
