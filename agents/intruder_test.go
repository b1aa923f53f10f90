package agents_test

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"assay/agents"
	"assay/agents/agent"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"
)

// dial connects as whoever opts says, to whatever hub the device trusts.
func dial(t testing.TB, at agents.Address, opts ...nats.Option) (*nats.Conn, error) {
	t.Helper()
	nc, err := nats.Connect("tls://"+at.Host, append([]nats.Option{nats.Secure(at.TLS()), nats.NoReconnect()}, opts...)...)
	if err == nil {
		t.Cleanup(nc.Close)
	}
	return nc, err
}

// stolen connects with the key of the agent in dir, as a device that was
// broken into would.
func stolen(t testing.TB, dir string, opts ...nats.Option) (*nats.Conn, error) {
	t.Helper()
	s, err := agent.ReadSelf(dir)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := nkeys.FromSeed([]byte(s.Seed))
	if err != nil {
		t.Fatal(err)
	}
	pub, err := pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return dial(t, s.Hub, append(opts, nats.Nkey(pub, pair.Sign), nats.CustomInboxPrefix(agents.Inbox(s.ID)))...)
}

// TestStrangers: nobody comes in without a key that is enrolled, or a token
// that holds.
func TestStrangers(t *testing.T) {
	f := newFleet(t)
	j, err := f.Invite(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	pub, err := pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	dir := f.join(t, "a", "pi")
	s, err := agent.ReadSelf(dir)
	if err != nil {
		t.Fatal(err)
	}
	own, err := nkeys.FromSeed([]byte(s.Seed))
	if err != nil {
		t.Fatal(err)
	}
	ownPub, err := own.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	for who, opt := range map[string]nats.Option{
		"nobody":                  nats.Name("x"),
		"a key of one's own":      nats.Nkey(pub, pair.Sign),
		"another's key, unsigned": nats.Nkey(ownPub, pair.Sign),
		"a token made up":         nats.Token("0123456789abcdef"),
		"a user and password":     nats.UserInfo("admin", "admin"),
	} {
		if _, err := dial(t, j.Hub, opt); !errors.Is(err, nats.ErrAuthorization) {
			t.Errorf("%s: %v, want %v", who, err, nats.ErrAuthorization)
		}
	}
	for _, want := range []string{"no credentials, or a token", "the key is not enrolled", "a key without its signature"} {
		if !strings.Contains(f.log.String(), want) {
			t.Errorf("the hub's log lacks %q:\n%s", want, f.log)
		}
	}
	if _, err := nats.Connect("nats://"+j.Hub.Host, nats.Token(j.Token), nats.NoReconnect()); err == nil {
		t.Error("the hub takes a connection without TLS")
	}
	other := j.Hub
	other.CA = strings.Repeat("0", 64)
	if _, err := dial(t, other, nats.Token(j.Token)); err == nil || !strings.Contains(err.Error(), "this is not the hub that was joined") {
		t.Errorf("a hub with another fingerprint: %v", err)
	}
}

// TestToken: a token lets one device in, within its hour, and does nothing else.
func TestToken(t *testing.T) {
	f := newFleet(t)
	j, err := f.Invite(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	refused := make(chan error, 10)
	nc, err := dial(t, j.Hub, nats.Token(j.Token), nats.CustomInboxPrefix(agents.Inbox("joining")),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err }))
	if err != nil {
		t.Fatal(err)
	}
	for _, subject := range []string{agents.AdminPrefix + "fleet", "jobs.gate.device.a.1", "$JS.API.STREAM.NAMES", agents.Request("a", agents.Check)} {
		if err := nc.Publish(subject, []byte("{}")); err != nil {
			t.Fatal(err)
		}
		if err := <-refused; !strings.Contains(err.Error(), "Permissions Violation for Publish to \""+subject) {
			t.Errorf("%s with a token: %v", subject, err)
		}
	}
	for name, e := range map[string]agents.Enrolment{"a.b": enrolment("a.b", "pi"), "class": enrolment("a", "p>"), "key": enrolment("a", "pi")} {
		e.Token = j.Token
		b, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		m, err := nc.Request(agents.EnrolSubject, b, 10*time.Second)
		if err != nil || m.Header.Get(agents.ErrorHeader) == "" {
			t.Errorf("enrolment with a bad %s: %v %v", name, m, err)
		}
	}
	if err := agent.Join(t.Context(), t.TempDir(), j, enrolment("a", "pi"), nil); err != nil {
		t.Fatal(err)
	}
	if err := agent.Join(t.Context(), t.TempDir(), j, enrolment("b", "pi"), nil); err == nil || !strings.Contains(err.Error(), "it was used already") {
		t.Errorf("a token used twice: %v", err)
	}
	j, err = f.Invite(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := agent.Join(t.Context(), t.TempDir(), j, enrolment("a", "pi"), nil); err == nil || !strings.Contains(err.Error(), "is enrolled already") {
		t.Errorf("another device under the same id: %v", err)
	}
}

// TestOthersSubjects: an agent's key opens its own subjects and no others.
func TestOthersSubjects(t *testing.T) {
	f := newFleet(t)
	dir := f.join(t, "a", "pi")
	f.join(t, "b", "orin")
	f.order(t, "d", "", false)
	refused := make(chan error, 10)
	nc, err := stolen(t, dir, nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err }))
	if err != nil {
		t.Fatal(err)
	}
	want := func(what string) {
		t.Helper()
		select {
		case err := <-refused:
			if !errors.Is(err, nats.ErrPermissionViolation) || !strings.Contains(err.Error(), what) {
				t.Errorf("%s: %v", what, err)
			}
		case <-time.After(time.Minute):
			t.Errorf("%s is allowed", what)
		}
	}
	for _, subject := range []string{
		agents.Result("b", "d-2"), agents.Progress("b", "d-2"), agents.Request("b", agents.Check), "$KV." + agents.States + ".b",
		agents.Queue{Lane: "gate", Kind: "device", Name: "a"}.Subject("x"), agents.AdminPrefix + "revoke", agents.EnrolSubject, agents.Wake("b"), agents.Inbox("b") + ".x",
		"$JS.API.CONSUMER.MSG.NEXT.JOBS." + agents.Queue{Lane: "nightly", Kind: "device", Name: "b"}.Consumer(), "$JS.API.CONSUMER.MSG.NEXT.JOBS." + agents.Queue{Lane: "gate", Kind: "class", Name: "orin"}.Consumer(),
		"$JS.ACK.JOBS." + agents.Queue{Lane: "nightly", Kind: "device", Name: "b"}.Consumer() + ".1.1.1.1.0", "$JS.API.STREAM.PURGE.JOBS", "$JS.API.STREAM.MSG.GET.JOBS",
		"$JS.API.CONSUMER.CREATE.JOBS.x", "$JS.API.STREAM.CREATE.x", "$KV." + agents.Outcomes + ".d-2", "$O." + agents.Models + ".C.x",
	} {
		if err := nc.Publish(subject, []byte("{}")); err != nil {
			t.Fatal(err)
		}
		want("Publish to \"" + subject)
	}
	for _, subject := range []string{">", "jobs.>", agents.Inbox("b") + ".>", "_INBOX.>", agents.Wake("b"), "results.>", agents.AdminPrefix + "*", "$KV.>"} {
		if _, err := nc.SubscribeSync(subject); err != nil {
			t.Fatal(err)
		}
		want("Subscription to \"" + subject)
	}
}

// TestForgedResult: what an agent says of another's job changes nothing, nor
// does what is no outcome.
func TestForgedResult(t *testing.T) {
	f := newFleet(t)
	dir := f.join(t, "a", "pi")
	cfg := agentConfig(f.join(t, "b", "orin"), "b", "orin", slog.LevelWarn)
	stop := f.run(t, cfg)
	f.here(t, 1)
	stop()
	f.order(t, "d", "class=orin", false)
	nc, err := stolen(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	send := func(job string, b []byte) {
		t.Helper()
		if _, err := js.Publish(t.Context(), agents.Result("a", job), b); err != nil {
			t.Fatal(err)
		}
	}
	forge := func(o agents.Outcome) []byte {
		t.Helper()
		b, err := o.Encode()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	send("d-1", forge(agents.Outcome{Job: "d-1", State: agents.Done, Result: []byte(`{"Run":"f","Device":"b"}`)}))
	send("d-1", forge(agents.Outcome{Job: "d-1", State: agents.Failed}))
	send("none-1", forge(agents.Outcome{Job: "none-1", State: agents.Done}))
	send("x-1", forge(agents.Outcome{Job: "d-1", State: agents.Done}))
	send("d-1", []byte("nonsense"))
	for _, want := range []string{"the job is another device's", "there is no such job", "it names job d-1", "no line of JSON"} {
		until(t, "the hub refuses: "+want, func() bool { return strings.Contains(f.log.String(), want) })
	}
	var r agents.CheckReply
	m, err := nc.Request(agents.Request("a", agents.Check), []byte(`{"job":"d-1"}`), 10*time.Second)
	if err == nil {
		err = json.Unmarshal(m.Data, &r)
	}
	if err != nil || r.Known || r.Open {
		t.Errorf("what an agent is told of another's job: %+v, %v", r, err)
	}
	f.run(t, cfg)
	if s := f.ends(t, "d"); s[0].State != agents.Done || s[0].Agent != "b" {
		t.Errorf("the job is %s by %s", s[0].State, s[0].Agent)
	}
	if kept := f.cfg.Keeper.(files).kept(t); len(kept) != 1 || len(kept["d-1"]) != 1 {
		t.Errorf("runs that are kept: %v", kept)
	}
}

// TestOversized: a message above the limit ends the connection that sends it,
// and the hub goes on.
func TestOversized(t *testing.T) {
	f := newFleet(t)
	dir := f.join(t, "a", "pi")
	nc, err := stolen(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Publish(agents.Result("a", "d-1"), make([]byte, 9<<20)); !errors.Is(err, nats.ErrMaxPayload) {
		t.Errorf("9 MB: %v, want %v", err, nats.ErrMaxPayload)
	}
	// A client that does not look at the limit is cut off by the server.
	if answer := pub(t, dir, agents.Result("a", "d-1"), 9<<20); !strings.Contains(answer, "Maximum Payload Violation") {
		t.Errorf("9 MB announced past the client's own check: %q", answer)
	}
	if _, err := f.cl.Fleet(t.Context()); err != nil {
		t.Errorf("the hub afterwards: %v", err)
	}
}

// pub speaks the protocol by hand with the key of the agent in dir: it
// announces a message of size bytes, sends a part of it, and returns what the
// server says.
func pub(t testing.TB, dir, subject string, size int) string {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	s, err := agent.ReadSelf(dir)
	check(err)
	pair, err := nkeys.FromSeed([]byte(s.Seed))
	check(err)
	key, err := pair.PublicKey()
	check(err)
	plain, err := net.Dial("tcp", s.Hub.Host)
	check(err)
	defer plain.Close()
	line, err := bufio.NewReaderSize(oneByte{plain}, 1).ReadString('\n') // INFO, and nothing of what follows
	check(err)
	var info struct {
		Nonce string `json:"nonce"`
	}
	check(json.Unmarshal([]byte(strings.TrimPrefix(line, "INFO ")), &info))
	sig, err := pair.Sign([]byte(info.Nonce))
	check(err)
	c := tls.Client(plain, s.Hub.TLS())
	fmt.Fprintf(c, "CONNECT {\"nkey\":%q,\"sig\":%q,\"verbose\":false,\"tls_required\":true}\r\nPUB %s %d\r\n%s", key, base64.RawURLEncoding.EncodeToString(sig), subject, size, strings.Repeat("x", 1000))
	answer, err := io.ReadAll(c)
	if len(answer) == 0 {
		check(err)
	}
	return string(answer)
}

// oneByte reads byte by byte, so that a buffer takes nothing that belongs to TLS.
type oneByte struct{ net.Conn }

func (o oneByte) Read(b []byte) (int, error) { return o.Conn.Read(b[:1]) }

// TestRevoke: a key that was revoked is cut off at once and stays out; the
// device's jobs end.
func TestRevoke(t *testing.T) {
	f := newFleet(t)
	dir := f.join(t, "a", "pi")
	f.run(t, agentConfig(f.join(t, "b", "pi"), "b", "pi", slog.LevelWarn))
	stop := f.run(t, agentConfig(dir, "a", "pi", slog.LevelError))
	f.here(t, 2)
	stop()
	f.order(t, "d", "", false)
	closed := make(chan bool)
	if _, err := stolen(t, dir, nats.ClosedHandler(func(*nats.Conn) { close(closed) })); err != nil {
		t.Fatal(err)
	}
	if err := f.cl.Revoke(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	<-closed
	if _, err := stolen(t, dir); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("a revoked key: %v", err)
	}
	for _, s := range f.ends(t, "d") {
		if want := map[string]agents.State{"a": agents.Lost, "b": agents.Done}[s.Target.Device]; s.State != want {
			t.Errorf("the job of %s is %s, want %s", s.Target.Device, s.State, want)
		}
	}
	if err := f.cl.Revoke(t.Context(), "a"); err == nil {
		t.Error("a device that is not enrolled is revoked")
	}
	f.Close() // a hub that was started again knows it too
	f.start(t)
	if _, err := stolen(t, dir); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("a revoked key after a restart: %v", err)
	}
	f.run(t, agentConfig(f.join(t, "a", "pi"), "a", "pi", slog.LevelWarn)) // joined anew
	f.here(t, 2)
}

// TestClock: a device whose clock is years off knows its hub all the same.
func TestClock(t *testing.T) {
	f := newFleet(t)
	j, err := f.Invite(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, years := range []int{-50, -1, 1, 50} {
		c := j.Hub.TLS()
		c.Time = func() time.Time { return time.Now().AddDate(years, 0, 0) }
		nc, err := nats.Connect("tls://"+j.Hub.Host, nats.Secure(c), nats.Token(j.Token), nats.NoReconnect())
		if err != nil {
			t.Errorf("clock %d years off: %v", years, err)
			continue
		}
		nc.Close()
	}
}
