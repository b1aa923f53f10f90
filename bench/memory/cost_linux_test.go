package memory

import (
	"fmt"
	"testing"
)

// BenchmarkCost is what looking at a worker of 128 MiB costs; docs/method.md,
// "Memory", holds its figures.
func BenchmarkCost(b *testing.B) {
	k := start(b)
	k.do(b, fmt.Sprintf("take %d", 128<<20))
	pid := k.cmd.Process.Pid
	w, err := Follow(pid)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("look", func(b *testing.B) {
		for b.Loop() {
			if _, err := w.Look(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("share", func(b *testing.B) {
		for b.Loop() {
			if _, err := Share(pid); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("cgroup", func(b *testing.B) {
		g, err := NewCgroup()
		if err != nil {
			b.Skip(err)
		}
		if err := g.Remove(); err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			g, err := NewCgroup()
			if err != nil {
				b.Fatal(err)
			}
			if _, err := g.Peak(); err != nil {
				b.Fatal(err)
			}
			if err := g.Remove(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
