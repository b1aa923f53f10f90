package hub

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// startServer starts NATS with JetStream in this process. TLS is on for
// whoever comes by the network, loopback included: one way is less to go wrong
// than two. SyncAlways matters: JetStream's own default writes to the disk
// every two minutes.
func (h *Hub) startServer() error {
	host, port, err := net.SplitHostPort(h.cfg.Listen)
	if err != nil {
		return fmt.Errorf("--listen %q: want host:port, for example 0.0.0.0:4222", h.cfg.Listen)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return fmt.Errorf("--listen %q: port %q is not one from 1 to 65535", h.cfg.Listen, port)
	}
	secure := &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{h.cert}}
	if h.cfg.Mutual {
		secure.ClientAuth = tls.RequireAnyClientCert // Check looks whose it is
	}
	o := &server.Options{
		ServerName: "assay", Host: host, Port: int(n), NoSigs: true,
		JetStream: true, StoreDir: filepath.Join(h.cfg.Dir, "jetstream"), SyncAlways: true,
		MaxPayload: 8 << 20,
		TLS:        true, TLSTimeout: 10,
		TLSConfig: secure,

		CustomClientAuthentication: h, AlwaysEnableNonce: true,
		// A ping is traffic on a device that may be measuring.
		PingInterval: 10 * time.Minute,
	}
	if h.cfg.Cluster.used() {
		h.cfg.Cluster.join(o)
	}
	s, err := server.NewServer(o)
	if err != nil {
		return fmt.Errorf("start NATS: %w", err)
	}
	s.SetLoggerV2(natsLog{h.log}, false, false, false)
	go s.Start()
	if !s.ReadyForConnections(30 * time.Second) {
		s.Shutdown()
		return fmt.Errorf("start NATS: it does not listen on %s: is another hub running there?", h.cfg.Listen)
	}
	h.server = s
	return h.cfg.Cluster.reached(s)
}

// natsLog gives the server's lines to the hub's log. What it calls fatal must
// not end the process from within a library.
type natsLog struct{ *slog.Logger }

func (l natsLog) Noticef(f string, v ...any) { l.Logger.Debug(fmt.Sprintf(f, v...)) }
func (l natsLog) Warnf(f string, v ...any)   { l.Logger.Warn(fmt.Sprintf(f, v...)) }
func (l natsLog) Fatalf(f string, v ...any)  { l.Logger.Error(fmt.Sprintf(f, v...)) }
func (l natsLog) Errorf(f string, v ...any)  { l.Logger.Warn(fmt.Sprintf(f, v...)) }
func (l natsLog) Debugf(string, ...any)      {}
func (l natsLog) Tracef(string, ...any)      {}
