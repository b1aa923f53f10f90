package agent

import (
	"net"
	"sync"
	"time"

	"assay/agents"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

// A quietDialer opens connections that send nothing while the gate is locked.
// Everything that leaves goes by way of it: answers to pings and attempts to
// connect again as well as heartbeats.
type quietDialer struct{ gate *sync.Mutex }

// dialTime bounds an attempt to connect.
const dialTime = 5 * time.Second

func (d quietDialer) Dial(network, addr string) (net.Conn, error) {
	d.gate.Lock()
	defer d.gate.Unlock()
	c, err := net.DialTimeout(network, addr, dialTime)
	if err != nil {
		return nil, err
	}
	return &quietConn{c, d.gate}, nil
}

// writeTime bounds one write, so that a network which takes nothing holds no
// measurement up for long.
const writeTime = 2 * time.Second

type quietConn struct {
	net.Conn
	gate *sync.Mutex
}

// Write waits until no timed region is open. Its deadline begins then, not
// when it was called: a window of energy lasts longer than any deadline.
func (c *quietConn) Write(b []byte) (int, error) {
	c.gate.Lock()
	defer c.gate.Unlock()
	if err := c.Conn.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

// SetWriteDeadline leaves deadlines to Write.
func (c *quietConn) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline sets that of reading alone.
func (c *quietConn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// connect connects to the hub, now or as soon as it is there, and for good.
func (a *Agent) connect() error {
	pair, err := nkeys.FromSeed([]byte(a.self.Seed))
	if err != nil {
		return err
	}
	pub, err := pair.PublicKey()
	if err != nil {
		return err
	}
	secure := a.self.Hub.TLS()
	if err := agents.Identify(secure, a.self.Seed); err != nil {
		return err
	}
	a.nc, err = nats.Connect("tls://"+a.self.Hub.Host,
		nats.Nkey(pub, pair.Sign), nats.Secure(secure), nats.Name(a.self.ID),
		nats.CustomInboxPrefix(agents.Inbox(a.self.ID)), nats.SetCustomDialer(quietDialer{&a.gate}),
		nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.IgnoreAuthErrorAbort(),
		nats.ReconnectWait(time.Second), nats.ReconnectJitter(time.Second, time.Second),
		nats.ReconnectBufSize(-1), // what is late is stale: heartbeats are sent anew, results until they are confirmed
		nats.PingInterval(20*time.Second),
		nats.ConnectHandler(func(*nats.Conn) { a.log.Info("connected", "hub", a.self.Hub.Host); a.poke() }),
		nats.ReconnectHandler(func(*nats.Conn) { a.log.Info("connected again", "hub", a.self.Hub.Host); a.poke() }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil { // nil is the agent's own end
				a.log.Warn("disconnected", "hub", a.self.Hub.Host, "why", err)
			}
		}),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { a.log.Debug("connect", "hub", a.self.Hub.Host, "why", err) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { a.log.Warn("the hub refuses", "why", err) }),
	)
	return err
}
