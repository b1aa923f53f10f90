package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"assay/reports/alert"
)

// hook FILE TOLD serves a webhook, whose address goes into FILE, and keeps what
// it is told in TOLD.
func hook(t *testing.T) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, _ bool, args []string) {
		told := ts.MkAbs(args[1])
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b, err := io.ReadAll(r.Body)
			if err == nil {
				err = os.WriteFile(told, b, 0o644)
			}
			if err != nil {
				t.Error(err)
			}
		}))
		ts.Defer(srv.Close)
		ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(srv.URL+"/sEcReT"), 0o644))
	}
}

// TestWebhook lets gate tell a real server what a recorded run came to.
func TestWebhook(t *testing.T) {
	recorded, err := os.ReadFile("../../reports/render/testdata/result.json")
	if err != nil {
		t.Fatal(err)
	}
	run1 := filepath.Join(t.TempDir(), "run.json") // with a verdict that fails
	recorded = bytes.Replace(recorded, []byte(`"verdict": "skipped",
              "metric": "latency.p50"`), []byte(`"verdict": "fail",
              "metric": "latency.p50"`), 1)
	if err := os.WriteFile(run1, recorded, 0o644); err != nil {
		t.Fatal(err)
	}
	var got []byte
	code := http.StatusOK
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, _ = io.ReadAll(r.Body)
		w.WriteHeader(code)
	}))
	defer srv.Close()
	address := srv.URL + "/sEcReT"
	gate := func(args ...string) (int, string) {
		t.Helper()
		got = nil
		var out, talk bytes.Buffer
		exit := run(context.Background(), append([]string{"gate", "--store", "none"}, args...), &out, &talk)
		if strings.Contains(out.String()+talk.String(), "sEcReT") {
			t.Errorf("the secret is printed:\n%s", talk.String())
		}
		return exit, talk.String()
	}

	exit, talk := gate("--from", run1, "--webhook", address)
	var m alert.Message
	if err := json.Unmarshal(got, &m); err != nil || exit != 1 || !strings.Contains(talk, "alerted http://127.0.0.1:") {
		t.Fatalf("exit %d, told %q (%v), said %s", exit, got, err, talk)
	}
	if m.Event != "gate" || m.Word != "fail" || m.Exit != 1 || m.Device != "bench-1" || !strings.Contains(m.Title, " fail, ") || len(m.Items) == 0 || m.Items[0].Word != "fail" {
		t.Errorf("told %+v", m)
	}

	t.Setenv("ASSAY_WEBHOOK", address)
	if exit, _ := gate("--from", "nosuch.json"); exit != 2 || !bytes.Contains(got, []byte(`"word":"error"`)) {
		t.Errorf("exit %d, told %q: a gate that could not be asked is an alert too", exit, got)
	}
	if exit, _ := gate("--from", run1, "--webhook-form", "slack"); exit != 1 || !bytes.Contains(got, []byte(`"blocks"`)) {
		t.Errorf("exit %d, told %q", exit, got)
	}
	code = http.StatusNotFound
	if exit, talk := gate("--from", run1); exit != 1 || !strings.Contains(talk, "nobody was alerted: tell http://127.0.0.1:") {
		t.Errorf("exit %d: the verdict decides, whatever becomes of the alert: %s", exit, talk)
	}
	t.Setenv("ASSAY_WEBHOOK", "http://ci.example/sEcReT")
	if exit, talk := gate("--from", run1); exit != 2 || got != nil || !strings.Contains(talk, "plain HTTP") {
		t.Errorf("exit %d: %s", exit, talk)
	}
}
