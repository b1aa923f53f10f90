package runner

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"testing"
)

// FuzzRequest feeds a worker whatever a host might send: it must answer in
// frames or end, never panic.
func FuzzRequest(f *testing.F) {
	f.Add([]byte(`{"id":1,"op":"hello","protocol":1}` + "\n"))
	f.Add([]byte(`{"id":1,"op":"profile","runs":2}` + "\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		if bytes.Contains(in, []byte("min_")) { // hours and millions are legal, and slow
			in = bytes.ReplaceAll(in, []byte("min_ns"), []byte("no_ns_"))
			in = bytes.ReplaceAll(in, []byte("min_inferences"), []byte("no_inferences_"))
		}
		in = bytes.ReplaceAll(in, []byte("serve"), []byte("swerve")) // a schedule of an hour is legal too
		var out bytes.Buffer
		_ = Serve(context.Background(), bytes.NewReader(in), &out, fake{tame: true}) // an error is one of the two ends
		for r := bufio.NewReader(&out); ; {
			var a answer
			err := readLine(r, &a)
			if err == io.EOF {
				return
			}
			if err == nil {
				_, err = readTensors(r, a.Tensors)
			}
			if err != nil {
				t.Fatalf("the worker answered nonsense: %v", err)
			}
			if a.Block != nil && (a.Block.Per < 1 || a.Block.Inferences < 1) {
				t.Fatalf("block %+v", *a.Block)
			}
		}
	})
}

// FuzzAnswer feeds a host whatever a worker might answer: it must become a
// value that holds what it promises, or an error.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"id":2,"block":{"per":2,"inferences":4,"start_mono_ns":1,"end_mono_ns":9},"tensors":[{"type":"int64","shape":[2]}]}` + "\n1234567\x001234567\x00"))
	f.Add([]byte(`{"id":2,"block":{"per":1,"inferences":1,"end_mono_ns":9},"tensors":[{"type":"int64","shape":[1]},{"type":"int64","shape":[1]}]}` + "\n1234567\x001234567\x00"))
	f.Add([]byte(`{"id":2,"loaded":{"took_ns":5,"in":[{"name":"x","type":"float32","shape":[1,-1]}],"out":[],"packed_size":-1}}` + "\n"))
	f.Add([]byte(`{"id":2,"error":{"message":"no\nsuch","unsupported":true}}` + "\n"))
	f.Add([]byte(`{"id":1,"hello":{"protocol":1,"pid":3,"info":{"name":"x"}}}` + "\n"))
	f.Add([]byte(`{"id":2,"stats":{"heap":1,"arena":-1}}` + "\n"))
	f.Add([]byte(`{"id":2,"profile":{"runs":3,"ns":9,"nodes":[{"op":"Conv","ns":8.5,"macs":-1,"bytes":-1}],"roof":{"float":1e9,"copy":[{"set":1,"rate":2}]}}}` + "\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		r := bufio.NewReader(bytes.NewReader(in))
		var a answer
		if readLine(r, &a) != nil {
			return
		}
		ts, err := readTensors(r, a.Tensors)
		if err != nil {
			return
		}
		for _, x := range ts {
			if err := x.Check(); err != nil {
				t.Error(err)
			}
		}
		if a.Block != nil {
			if b, err := a.Block.block(ts); err == nil && (b.Per < 1 || len(b.Latencies) == 0 || b.End < b.Start) {
				t.Errorf("accepted %+v", b)
			}
			if b, err := a.Block.served(ts, 4); err == nil && (len(b.Latencies) != len(b.Late) || len(b.Latencies) > 4) {
				t.Errorf("accepted %+v", b)
			}
		}
		if a.Loaded != nil {
			_, _ = a.Loaded.loaded()
		}
		if a.Profile != nil && checkProfile(a.Profile) == nil {
			for _, n := range a.Profile.Nodes {
				if n.NS < 0 || n.MACs < -1 || n.Bytes < -1 {
					t.Errorf("accepted %+v", n)
				}
			}
		}
		if a.Stats != nil && a.Stats.check() == nil && a.Stats.Arena < -1 {
			t.Errorf("accepted %+v", *a.Stats)
		}
	})
}
