// Package suites reads suite files, resolves what they include and extend, and
// expands a suite into the groups of cases that package bench measures. A file
// that is wrong in any way is refused before anything runs: errors are
// strict.Errors, file:line:col with the choices. docs/writing-a-suite.md
// describes the form, docs/suite.schema.json serves editors.
package suites

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"assay"
	"assay/bench"
	"assay/models/strict"
)

const baseline = bench.Baseline

// library is what an include calls the embedded suites.
const library = "library"

// libraryFile is what errors call the embedded suites.
const libraryFile = "suites.yaml (library)"

// maxFiles bounds the files that one suite file may draw in.
const maxFiles = 100

// A File is a suite file with everything that it includes, resolved.
type File struct {
	Path   string
	suites map[string]*Suite
	order  []string // names in the order of their first definition
	disk   bool     // models may be named by path
	alone  bool     // only by the names of files beside it
}

// document is the form of a file.
type document struct {
	Include []Path `yaml:"include" jsonschema_description:"suite files, relative to this one, or the word library for the ready suites; definitions here come later and override"`
	Suites  table  `yaml:"suites"`
}

// table holds the suites by name, to be decoded one by one.
type table struct{ strict.Node }

// UnmarshalNode keeps n.
func (s *table) UnmarshalNode(n strict.Node) error { s.Node = n; return nil }

// Load reads a suite file from disk. A file that is not there is an error that
// wraps fs.ErrNotExist.
func Load(name string) (*File, error) {
	l := loader{read: readFile, join: joinDisk}
	return l.load(name, true)
}

// LoadAlone reads a suite file that came from elsewhere: it includes no file but
// the library, and names models beside it alone. Whoever wrote it opens nothing
// else on this machine.
func LoadAlone(name string) (*File, error) {
	l := loader{
		read: func(n string) ([]byte, error) {
			if n != name {
				return nil, fmt.Errorf("%w: a suite that came from elsewhere includes no files", fs.ErrPermission)
			}
			return readFile(n)
		},
		join: joinDisk,
	}
	f, err := l.load(name, true)
	if err == nil {
		f.alone = true
	}
	return f, err
}

// LoadFS reads a suite file from fsys; its suites cannot name models by path.
func LoadFS(fsys fs.FS, name string) (*File, error) {
	l := loader{
		read: func(name string) ([]byte, error) { return fs.ReadFile(fsys, name) },
		join: func(base, name string) string { return path.Join(path.Dir(base), name) },
	}
	return l.load(name, false)
}

// Library returns the ready suites, which are embedded.
func Library() (*File, error) {
	l := loader{read: func(string) ([]byte, error) { return nil, fs.ErrNotExist }, join: func(_, name string) string { return name }}
	return l.load(library, false)
}

// Find loads the file called name; where name is empty, suites.yaml of the
// working directory, or else the library.
func Find(name string) (*File, error) {
	if name != "" {
		return Load(name)
	}
	f, err := Load("suites.yaml")
	if errors.Is(err, fs.ErrNotExist) {
		return Library()
	}
	return f, err
}

// Names returns the names of the suites in the order of their definition.
func (f *File) Names() []string { return slices.Clone(f.order) }

// Suite returns the suite called name with all that it extends; the error
// lists the choices.
func (f *File) Suite(name string) (*Suite, error) {
	s := f.suites[name]
	if s == nil {
		return nil, fmt.Errorf("%s: unknown suite %q (%s)", f.Path, name, strict.Choices(name, f.order))
	}
	return s, nil
}

// loader reads a file and what it includes.
type loader struct {
	read   func(name string) ([]byte, error)
	join   func(base, name string) string
	raw    map[string]*Suite // last definition of each name
	order  []string
	state  map[string]bool // files: true while open, false when read
	opened int
	errs   strict.Errors
}

func (l *loader) load(name string, disk bool) (*File, error) {
	l.raw, l.state = map[string]*Suite{}, map[string]bool{}
	if err := l.file(name); err != nil {
		return nil, err
	}
	if err := l.errs.Err(); err != nil {
		return nil, err
	}
	f := &File{Path: name, suites: map[string]*Suite{}, order: l.order, disk: disk}
	for _, n := range slices.Sorted(maps.Keys(l.raw)) {
		s, err := l.resolve(l.raw[n], nil)
		l.errs.Add(err)
		f.suites[n] = &s
	}
	if err := l.errs.Err(); err != nil {
		return nil, err
	}
	return f, nil
}

// file reads one file: its includes first, so that its own suites override. An
// error is returned only where the file cannot be read at all.
func (l *loader) file(name string) error {
	shown, b := libraryFile, assay.Suites
	if name != library {
		var err error
		if b, err = l.read(name); err != nil {
			return fmt.Errorf("read suites: %w", err)
		}
		shown = name
	}
	l.state[name], l.opened = true, l.opened+1
	n, err := strict.Parse(shown, b)
	if err != nil {
		l.add(err)
		return nil
	}
	var doc document
	bad := n.Decode(&doc)
	l.add(bad)
	for _, inc := range doc.Include {
		if inc.Text != "" { // what could not be read as a path has its error already
			l.include(name, inc)
		}
	}
	if bad == nil && doc.Suites.Zero() && doc.Include == nil {
		l.errs.Add(n.Pos().Errorf("file defines no suites: it wants the key \"suites\""))
	}
	l.suites(doc.Suites.Node)
	l.state[name] = false
	return nil
}

func (l *loader) include(from string, inc Path) {
	name := inc.Text
	if name != library {
		name = l.join(from, name)
	}
	open, seen := l.state[name]
	switch {
	case open:
		l.errs.Add(inc.At.Errorf("%s includes itself, by way of %s", name, from))
	case l.opened >= maxFiles:
		l.errs.Add(inc.At.Errorf("more than %d files are included", maxFiles))
	case !seen:
		l.state[name] = true
		if err := l.file(name); err != nil {
			l.errs.Add(inc.At.Errorf("include %s: %v", inc.Text, cause(err)))
		}
		l.state[name] = false
	}
}

// cause drops the operation and path of a file error.
func cause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// suites reads the suites of one file.
func (l *loader) suites(n strict.Node) {
	if n.Zero() {
		return
	}
	fields, err := n.Fields()
	l.errs.Add(err)
	for _, f := range fields {
		s := &Suite{}
		l.add(f.Value.Decode(s))
		s.Name, s.At = f.Key, f.At
		if !wordPattern.MatchString(f.Key) {
			l.errs.Add(f.At.Errorf("suite %q: want a name of letters, digits, dots and dashes", f.Key))
		}
		s.before = l.raw[f.Key]
		if s.before == nil {
			l.order = append(l.order, f.Key)
		}
		l.raw[f.Key] = s
	}
}

// resolve fills s from what it extends; chain is how it was reached.
func (l *loader) resolve(s *Suite, chain []*Suite) (Suite, *strict.Error) {
	if s.Extends == nil {
		return *s, nil
	}
	base := l.raw[s.Extends.Text]
	if s.Extends.Text == s.Name {
		base = s.before
	}
	chain = append(chain, s)
	switch {
	case base == nil && s.Extends.Text == s.Name:
		return *s, s.Extends.At.Errorf("suite %q extends itself, and no included file defines it", s.Name)
	case base == nil:
		return *s, strict.Unknown(s.Extends.At, "suite", s.Extends.Text, l.order)
	case slices.Contains(chain, base):
		var names []string
		for _, c := range append(chain, base) {
			names = append(names, c.Name)
		}
		return *s, s.Extends.At.Errorf("suites extend each other: %s", strings.Join(names, " → "))
	}
	full, err := l.resolve(base, chain)
	if err != nil {
		return *s, err
	}
	return s.over(full), nil
}

// add takes the errors of a decoding.
func (l *loader) add(err error) {
	var es strict.Errors
	if errors.As(err, &es) {
		l.errs = append(l.errs, es...)
	}
}

// readFile reads a file of bounded size, so that a device or a pipe given by
// mistake ends.
func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, strict.MaxBytes+1))
}

func joinDisk(base, name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(filepath.Dir(base), filepath.FromSlash(name))
}
