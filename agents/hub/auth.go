package hub

import (
	"encoding/base64"

	"assay/agents"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
)

// Names of who is no agent.
const (
	hubUser   = "hub"
	adminUser = "admin"
	joinUser  = "joining"
)

// Check lets in the hub itself, its administrator, people and agents by their
// keys, and devices that hold a token, which may ask to be enrolled and nothing else.
func (h *Hub) Check(c server.ClientAuthentication) bool {
	o := c.GetOpts()
	switch {
	case o.Nkey != "" && !signed(o.Nkey, o.Sig, c.GetNonce()):
		h.log.Warn("refused: a key without its signature", "from", c.RemoteAddress())
		return false
	case h.cfg.Mutual && o.Nkey != "" && o.Nkey != h.ownKey && !shows(c, o.Nkey):
		h.log.Warn("refused: the certificate is not that of the key", "from", c.RemoteAddress(), "key", o.Nkey)
		return false
	case o.Nkey == h.ownKey:
		c.RegisterUser(&server.User{Username: hubUser})
		return true
	case o.Nkey == h.adminKey:
		c.RegisterUser(&server.User{Username: adminUser})
		return true
	case o.Nkey != "":
		if p, ok := h.person(o.Nkey); ok {
			c.RegisterUser(&server.User{Username: p.Name, Permissions: personMay(p)})
			return true
		}
		id, class, ok := h.holder(o.Nkey)
		if !ok {
			h.log.Warn("refused: the key is not enrolled, or was revoked", "from", c.RemoteAddress(), "key", o.Nkey)
			return false
		}
		c.RegisterUser(&server.User{Username: id, Permissions: h.cfg.Cluster.may(agentMay(id, class))})
		return true
	case o.Token != "" && h.tokenHolds(o.Token):
		c.RegisterUser(&server.User{Username: joinUser, Permissions: &server.Permissions{
			Publish:   &server.SubjectPermission{Allow: []string{agents.EnrolSubject}},
			Subscribe: &server.SubjectPermission{Allow: []string{agents.Inbox(joinUser) + ".>"}},
		}})
		return true
	}
	h.log.Warn("refused: no credentials, or a token that was used or has ended", "from", c.RemoteAddress())
	return false
}

// signed reports whether sig is the signature of nonce by the holder of key.
func signed(key, sig string, nonce []byte) bool {
	raw, err := base64.RawURLEncoding.DecodeString(sig)
	if err != nil {
		return false
	}
	pub, err := nkeys.FromPublicKey(key)
	return err == nil && len(nonce) > 0 && pub.Verify(nonce, raw) == nil
}

// shows reports whether a connection has shown the certificate of a key.
func shows(c server.ClientAuthentication, key string) bool {
	shown, err := agents.Shown(c.GetTLSConnectionState())
	return err == nil && shown == key
}

// agentMay lists all that an agent may say and hear: its own requests,
// results and heartbeats, and the jobs of its own device and class. It has no
// access to JetStream beyond the consumers of those, so it can neither read others'
// jobs nor make the server send anything anywhere.
func agentMay(id, class string) *server.Permissions {
	allow := []string{
		agents.Request(id, "*"), agents.Result(id, "*"), agents.Progress(id, "*"),
		"$KV." + agents.States + "." + id,
	}
	for _, q := range agents.Queues(id, class) {
		c := q.Consumer()
		allow = append(allow,
			"$JS.API.CONSUMER.INFO."+agents.Jobs+"."+c,
			"$JS.API.CONSUMER.MSG.NEXT."+agents.Jobs+"."+c,
			"$JS.ACK."+agents.Jobs+"."+c+".>",
		)
	}
	return &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: allow},
		Subscribe: &server.SubjectPermission{Allow: []string{agents.Inbox(id) + ".>", agents.Wake(id)}},
	}
}

// disconnect cuts every live connection of a key.
func (h *Hub) disconnect(key string) error {
	all, err := h.server.Connz(&server.ConnzOptions{Username: true, Limit: 1 << 20})
	if err != nil {
		return err
	}
	for _, c := range all.Conns {
		if c.AuthorizedUser == key {
			if err := h.server.DisconnectClientByID(c.Cid); err != nil {
				h.log.Debug("disconnect: it went by itself", "client", c.Cid)
			}
		}
	}
	return nil
}
