package hub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"assay/agents"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A Cluster is a team's own NATS servers. The hub's server is a leaf of them:
// devices still join and trust the hub alone, and what they may say is decided
// by it, but streams, buckets and files are in the cluster. The leaf connects to
// whichever server is there.
type Cluster struct {
	Servers  []*url.URL // leaf listeners
	Domain   string     // of their JetStream: without one, NATS keeps JetStream off leaves
	Creds    string     // file with a user's credentials, as nsc writes it; "" for none
	Replicas int        // of streams and buckets, 1 to 5
}

// maxReplicas is JetStream's own.
const maxReplicas = 5

// NATSCluster reads nats://a,b,c or tls://a:7422,b,c: addresses of leaf listeners,
// of which 7422 is the usual port. Beyond loopback all is TLS, which tls:// asks
// for on loopback too.
func NATSCluster(servers, domain, creds string, replicas int) (Cluster, error) {
	c := Cluster{Domain: domain, Creds: creds, Replicas: replicas}
	scheme, rest, ok := strings.Cut(servers, "://")
	if !ok || scheme != "nats" && scheme != "tls" {
		return c, fmt.Errorf("--nats %q: want nats://HOST[:PORT],… or tls://HOST[:PORT],…", servers)
	}
	for at := range strings.SplitSeq(rest, ",") {
		u, err := url.Parse(scheme + "://" + strings.TrimPrefix(strings.TrimSpace(at), scheme+"://"))
		if err != nil || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
			return c, fmt.Errorf("--nats %q: %q is no HOST[:PORT]", servers, at)
		}
		if u.Port() == "" {
			u.Host = net.JoinHostPort(u.Hostname(), leafPort)
		}
		c.Servers = append(c.Servers, u)
	}
	if !agents.Word(domain) {
		return c, fmt.Errorf("--domain %q: want the domain of the servers' JetStream (jetstream { domain: NAME } in their configuration)", domain)
	}
	if replicas < 1 || replicas > maxReplicas {
		return c, fmt.Errorf("--replicas %d: want 1 to %d", replicas, maxReplicas)
	}
	if creds != "" {
		if _, err := os.Stat(creds); err != nil {
			return c, fmt.Errorf("--creds: %w", err)
		}
	}
	return c, nil
}

// leafPort is where NATS servers listen for leaves, where nothing else is said.
const leafPort = "7422"

func (c Cluster) used() bool { return len(c.Servers) > 0 }

// join makes a server a leaf without a JetStream of its own.
func (c Cluster) join(o *server.Options) {
	o.JetStream, o.StoreDir, o.SyncAlways = false, "", false
	o.ServerName = fmt.Sprintf("assay-%d", os.Getpid())
	o.LeafNode.ReconnectInterval = 250 * time.Millisecond
	remote := &server.RemoteLeafOpts{URLs: c.Servers, Credentials: c.Creds}
	for _, u := range c.Servers {
		ip := net.ParseIP(u.Hostname())
		if u.Scheme == "tls" || u.Hostname() != "localhost" && !ip.IsLoopback() {
			remote.TLS = true
		}
	}
	o.LeafNode.Remotes = []*server.RemoteLeafOpts{remote}
}

// led is the subject in the cluster of one that JetStream has here.
func (c Cluster) led(subject string) string {
	if !c.used() || !strings.HasPrefix(subject, "$KV.") && !strings.HasPrefix(subject, "$JS.API.") {
		return subject
	}
	return "$JS." + c.Domain + ".API." + strings.TrimPrefix(subject, "$JS.API.")
}

// may changes permissions to the subjects in the cluster: a server looks at them
// after it has led a message there.
func (c Cluster) may(p *server.Permissions) *server.Permissions {
	for i, subject := range p.Publish.Allow {
		p.Publish.Allow[i] = c.led(subject)
	}
	return p
}

// joinTime is how long a hub waits for its cluster when it starts.
const joinTime = 30 * time.Second

// reached waits until one of the cluster's servers has let the leaf in, and
// leads to it what is said to JetStream here.
func (c Cluster) reached(s *server.Server) error {
	if !c.used() {
		return nil
	}
	for _, subject := range []string{"$KV.>", "$JS.API.>"} {
		if err := s.GlobalAccount().AddMapping(subject, c.led(subject)); err != nil {
			return fmt.Errorf("lead %s to the cluster: %w", subject, err)
		}
	}
	for end := time.Now().Add(joinTime); s.NumLeafNodes() == 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			var all []string
			for _, u := range c.Servers {
				all = append(all, u.Host)
			}
			return fmt.Errorf("no server of the cluster lets the hub in as a leaf within %v (tried %s): do they listen for leaves there, and do the credentials hold?", joinTime, strings.Join(all, ", "))
		}
	}
	return nil
}

// grace is how long the hub tries again what a cluster does not do at once: when
// a server dies, the others choose leaders anew, and the leaf another server.
const grace = time.Minute

// steady does what may be done twice until it succeeds, fails for a reason that
// stays, or has failed for a minute.
func steady(ctx context.Context, log *slog.Logger, what string, f func() error) error {
	for end := time.Now().Add(grace); ; {
		err := f()
		if err == nil || !passing(err) || ctx.Err() != nil || time.Now().After(end) {
			return err
		}
		log.Debug("tries again", "what", what, "why", err)
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// passing reports whether an error is of a cluster that is about to recover.
func passing(err error) bool {
	for _, e := range []error{nats.ErrNoResponders, nats.ErrTimeout, jetstream.ErrNoStreamResponse, jetstream.ErrJetStreamNotEnabled, jetstream.ErrAsyncPublishTimeout, context.DeadlineExceeded} {
		if errors.Is(err, e) {
			return true
		}
	}
	var api *jetstream.APIError
	return errors.As(err, &api) && api.Code == 503 // no leader, no quorum, or not yet
}
