package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"assay/agents"

	"github.com/nats-io/nats.go"
)

// services are the subjects that the hub answers on.
func (h *Hub) services() map[string]nats.MsgHandler {
	return map[string]nats.MsgHandler{
		agents.EnrolSubject:      h.enrol,
		agents.Request("*", "*"): h.request,
		agents.AdminPrefix + "*": func(m *nats.Msg) { go h.admin(context.Background(), m) },
	}
}

// reply answers a request with bytes as they are, or with JSON.
func (h *Hub) reply(m *nats.Msg, v any, err error) {
	out := nats.NewMsg(m.Reply)
	raw, isRaw := v.([]byte)
	if !isRaw && err == nil {
		raw, err = json.Marshal(v)
	}
	if err != nil {
		raw = nil
		out.Header.Set(agents.ErrorHeader, strings.Join(strings.Fields(err.Error()), " "))
	}
	out.Data = raw
	if err := h.nc.PublishMsg(out); err != nil {
		h.log.Debug("answer", "subject", m.Subject, "why", err) // who asked asks again
	}
}

// request answers an agent; the server has made sure that the id in the
// subject is the agent's own.
func (h *Hub) request(m *nats.Msg) {
	id, what := agents.Requested(m.Subject)
	switch what {
	case agents.Check:
		var q agents.JobQuery
		if err := json.Unmarshal(m.Data, &q); err != nil {
			h.reply(m, nil, err)
			return
		}
		h.reply(m, h.check(id, q.Job), nil)
	case agents.File:
		go func() { // it may have to be fetched from the object store
			b, err := h.part(context.Background(), m.Data)
			h.reply(m, b, err)
		}()
	default:
		h.log.Warn("refused a request", "agent", id, "request", what)
		h.reply(m, nil, fmt.Errorf("unknown request %q (have %s, %s)", what, agents.Check, agents.File))
	}
}

// check says how a job stands, to an agent that it is for.
func (h *Hub) check(id, job string) agents.CheckReply {
	known := h.notFor(id, job) == ""
	h.mu.Lock()
	defer h.mu.Unlock()
	r := agents.CheckReply{Known: known, Drained: h.enrolled[id].Drained}
	if known {
		o, over := h.ended[job]
		r.Open, r.Outcome, r.Reason = !over, o.State, o.Reason
	}
	return r
}

// part reads a part of a file that travels with jobs; it is empty at the end.
func (h *Hub) part(ctx context.Context, query []byte) ([]byte, error) {
	var q agents.FileQuery
	if err := json.Unmarshal(query, &q); err != nil {
		return nil, err
	}
	if err := (agents.ModelFile{SHA256: q.SHA256, Format: "x"}).Check(); err != nil || q.Offset < 0 {
		return nil, fmt.Errorf("file %.80q from byte %d: want a sha256 and an offset", q.SHA256, q.Offset)
	}
	path, err := h.spool(ctx, q.SHA256)
	if err != nil {
		return nil, fmt.Errorf("file %.12s…: %w", q.SHA256, err)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, agents.ChunkSize)
	n, err := f.ReadAt(b, q.Offset)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return b[:n], err
}

// spool copies a file of the object store to the hub's folder, where it can be
// read from any place on; the object store has verified its sum.
func (h *Hub) spool(ctx context.Context, sum string) (string, error) {
	dir := filepath.Join(h.cfg.Dir, "files")
	path := filepath.Join(dir, sum)
	h.spooling.Lock()
	defer h.spooling.Unlock()
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	part := path + ".part"
	if err := h.models.GetFile(ctx, sum, part); err != nil {
		return "", err
	}
	return path, os.Rename(part, path)
}
