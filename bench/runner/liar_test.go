//go:build unix

package runner

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"assay/bench/engine"
)

// TestMain makes this test binary a worker where FAKE_WORKER says which kind.
func TestMain(m *testing.M) {
	kind := os.Getenv("FAKE_WORKER")
	if kind == "" {
		os.Exit(m.Run())
	}
	if kind == "serve" || kind == "slow" {
		if kind == "slow" {
			time.Sleep(300 * time.Millisecond)
		}
		in, out, err := Stdio()
		if err == nil {
			fmt.Println("a library that prints to stdout")
			err = Serve(context.Background(), in, out, fake{})
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if kind == "host" {
		fmt.Fprintln(os.Stderr, hostMain())
		os.Exit(1)
	}
	os.Exit(liar(kind))
}

// hostMain is set where the system kills workers with their host.
var hostMain func() error

// liar answers hello and then misbehaves in one way.
func liar(kind string) int {
	in := bufio.NewReader(os.Stdin)
	for n := 0; ; n++ {
		var q request
		if err := readLine(in, &q); err != nil {
			return 0
		}
		if _, err := readTensors(in, q.Tensors); err != nil {
			return 3
		}
		if n == 0 && kind != "mute" && kind != "old" {
			b, _ := json.Marshal(&answer{ID: q.ID, Hello: hello(engine.Info{Name: "liar"})})
			fmt.Println(string(b))
			continue
		}
		switch kind {
		case "garbage":
			fmt.Println("Segmentation fault (just kidding)")
		case "wrong id":
			fmt.Println(`{"id":99}`)
		case "oversized":
			fmt.Print(`{"id":2,"x":"`, strings.Repeat("x", maxLine+1), `"}`, "\n")
		case "truncated":
			fmt.Print(`{"id":2,"tensors":[{"type":"float32","shape":[4]}]}`, "\nabc")
			return 0
		case "negative":
			fmt.Println(`{"id":2,"tensors":[{"type":"float32","shape":[-4]}]}`)
		case "huge":
			fmt.Println(`{"id":2,"tensors":[{"type":"float32","shape":[1048576,1048576]}]}`)
		case "empty":
			fmt.Println(`{"id":2}`)
		case "few":
			fmt.Printf("{\"id\":2,\"block\":{\"per\":1,\"inferences\":1},\"tensors\":[{\"type\":\"int64\",\"shape\":[1]}]}\n%s", "12345678")
		case "terse":
			fmt.Println(`{"id":2,"stats":{"heap":5}}`)
		case "in debt":
			fmt.Println(`{"id":2,"stats":{"arena":-7}}`)
		case "no runs":
			fmt.Println(`{"id":2,"profile":{"ns":1,"nodes":[]}}`)
		case "fast":
			fmt.Println(`{"id":2,"profile":{"runs":1,"ns":1,"nodes":[{"op":"Conv","ns":-3}]}}`)
		case "old":
			fmt.Println(`{"id":1,"hello":{"protocol":0}}`)
		case "deaf":
			os.Stdout.Close()
			time.Sleep(time.Hour)
		case "mute":
			time.Sleep(time.Hour)
		case "immortal":
			fmt.Printf("{\"id\":%d}\n", q.ID)
			time.Sleep(time.Hour)
		}
	}
}
