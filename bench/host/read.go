package host

import (
	"io/fs"
	"math"
	"slices"
	"strconv"
	"strings"
)

// text reads a small file without surrounding space and NULs; "" where it is
// absent, unreadable (a sensor may answer EAGAIN) or larger than 1 MiB.
func text(root fs.FS, path string) string {
	return strings.Trim(raw(root, path), "\x00 \t\r\n")
}

// raw reads a small file as it is, "" where text does.
func raw(root fs.FS, path string) string {
	b, err := fs.ReadFile(root, path)
	if err != nil || len(b) > 1<<20 {
		return ""
	}
	return string(b)
}

// number reads a finite number; ok is false where there is none.
func number(root fs.FS, path string) (v float64, ok bool) {
	return float(text(root, path))
}

func float(s string) (v float64, ok bool) {
	v, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	return v, err == nil && !math.IsNaN(v) && !math.IsInf(v, 0)
}

// Glob is fs.Glob for constant patterns, in the order of their numbers: cpu2
// before cpu10.
func Glob(root fs.FS, pattern string) []string {
	found, err := fs.Glob(root, pattern)
	if err != nil {
		return nil // only a malformed pattern, and ours are constant
	}
	slices.SortFunc(found, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	return found
}

// fields reads a file of "key value" lines, such as cgroup's cpu.stat, or
// "key: value unit", such as /proc/meminfo.
func fields(root fs.FS, path string) map[string]float64 {
	out := map[string]float64{}
	for line := range strings.Lines(text(root, path)) {
		if f := strings.Fields(line); len(f) == 2 || len(f) == 3 {
			if v, ok := float(f[1]); ok {
				out[f[0]] = v
			}
		}
	}
	return out
}

// cpuList counts the CPUs of a mask such as "0-3,6"; 0 for what is none.
func cpuList(s string) int {
	n := 0
	for part := range strings.SplitSeq(s, ",") {
		first, last, span := strings.Cut(strings.TrimSpace(part), "-")
		a, err := strconv.Atoi(first)
		if err != nil {
			return 0
		}
		b := a
		if span {
			if b, err = strconv.Atoi(last); err != nil {
				return 0
			}
		}
		if a < 0 || b < a || b >= 1<<16 {
			return 0
		}
		n += b - a + 1
	}
	return n
}

// each returns the distinct values of the files that match, joined by "+".
func each(root fs.FS, pattern string) string { return distinct(root, Glob(root, pattern)) }

// distinct returns the distinct values of files, joined by "+".
func distinct(root fs.FS, files []string) string {
	var vs []string
	for _, p := range files {
		if v := text(root, p); v != "" && !slices.Contains(vs, v) {
			vs = append(vs, v)
		}
	}
	return strings.Join(vs, "+")
}

// chosen returns the bracketed word of a list such as "always [madvise] never".
func chosen(s string) string {
	if _, rest, ok := strings.Cut(s, "["); ok {
		word, _, _ := strings.Cut(rest, "]")
		return word
	}
	return s
}
