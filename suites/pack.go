package suites

import (
	"fmt"
	"maps"
	"os"

	"assay/models"
)

// A Parcel is a suite that can leave this machine.
type Parcel struct {
	// Document is a suite file of the one suite, everything that it includes
	// and extends written out. It calls models by path <sha256>.<format>.
	Document []byte

	Files []models.Artifact // models by path: what the document needs beside it

	// Sums is the sha256 of every case's file by SumKey, those of the zoo
	// included: another build's zoo may hold others.
	Sums map[string]string
}

// SumKey names the file of a variant in Parcel.Sums.
func SumKey(model, variant string) string { return model + " " + variant }

// Pack makes a parcel of the suite called name, which is checked as Expand
// does. Which devices it runs on is decided where it arrives.
func (f *File) Pack(name string, env Env) (*Parcel, error) {
	s, err := f.Suite(name)
	if err != nil {
		return nil, err
	}
	anywhere := *s
	anywhere.Devices = nil
	here := *f
	here.suites = maps.Clone(f.suites)
	here.suites[name] = &anywhere
	x, err := here.expand(name, env, true)
	if err != nil {
		return nil, err
	}
	p := &Parcel{Sums: map[string]string{}}
	byPath := map[string]models.Artifact{}
	for _, g := range x.Groups {
		for _, c := range g.Cases {
			p.Sums[SumKey(c.Model, c.Variant)] = c.Artifact.SHA256
			if c.Artifact.Path == "" { // of the zoo
				continue
			}
			if _, ok := byPath[c.Artifact.Path]; ok {
				continue
			}
			if st, err := os.Stat(c.Artifact.Path); err != nil || st.Size() != c.Artifact.Size {
				return nil, fmt.Errorf("%s keeps weights in files beside it: only a model in one file can be sent", c.Artifact.Path)
			}
			byPath[c.Artifact.Path] = c.Artifact
			p.Files = append(p.Files, c.Artifact)
		}
	}
	p.Document, err = f.show(name, func(path Path) string {
		a := byPath[path.absolute()]
		return a.SHA256 + "." + a.Format
	})
	return p, err
}
