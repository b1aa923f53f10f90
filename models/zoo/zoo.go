// Package zoo holds the small committed models with their cards and their data
// set, embedded, so that the binary alone can run every ready suite. Weights
// are made by models/train and models/zoo/make; a card states how.
package zoo

import (
	"embed"
	"fmt"
	"io/fs"
	"sort"
	"sync"

	"assay/models"
	"assay/models/strict"
)

//go:embed *.yaml */*.onnx */*.gz */LICENSE
var files embed.FS

// FS returns the embedded files: cards at the root, weights and data in
// folders as the cards name them.
func FS() fs.FS { return files }

// A Zoo is a folder of cards with their files. It is safe for concurrent use.
type Zoo struct {
	fsys  fs.FS
	load  sync.Once
	cards []*models.Card
	data  []*models.DataCard
	err   error
}

// New returns the zoo in fsys; cards are read on first use.
func New(fsys fs.FS) *Zoo { return &Zoo{fsys: fsys} }

// Default is the embedded zoo.
var Default = New(files)

// Cards returns the model cards of the embedded zoo, by name.
func Cards() ([]*models.Card, error) { return Default.Cards() }

// Model returns the card of a model of the embedded zoo.
func Model(name string) (*models.Card, error) { return Default.Model(name) }

// Data returns the card of a data set of the embedded zoo.
func Data(name string) (*models.DataCard, error) { return Default.Data(name) }

// Artifact returns a variant of the embedded zoo as a file on this device.
func Artifact(model, variant string) (models.Artifact, error) {
	return Default.Artifact(model, variant)
}

// Verify checks every file of a model or data set of the embedded zoo.
func Verify(name string) []error { return Default.Verify(name) }

// FS returns the zoo's files.
func (z *Zoo) FS() fs.FS { return z.fsys }

// Cards returns the model cards, by name.
func (z *Zoo) Cards() ([]*models.Card, error) {
	z.load.Do(z.read)
	return z.cards, z.err
}

// DataCards returns the data cards, by name.
func (z *Zoo) DataCards() ([]*models.DataCard, error) {
	z.load.Do(z.read)
	return z.data, z.err
}

// Model returns the card of a model; the error lists the choices.
func (z *Zoo) Model(name string) (*models.Card, error) {
	cards, err := z.Cards()
	if err != nil {
		return nil, err
	}
	var have []string
	for _, c := range cards {
		if c.Name == name {
			return c, nil
		}
		have = append(have, c.Name)
	}
	return nil, fmt.Errorf("unknown model %q (%s)", name, strict.Choices(name, have))
}

// Data returns the card of a data set; the error lists the choices.
func (z *Zoo) Data(name string) (*models.DataCard, error) {
	cards, err := z.DataCards()
	if err != nil {
		return nil, err
	}
	var have []string
	for _, c := range cards {
		if c.Name == name {
			return c, nil
		}
		have = append(have, c.Name)
	}
	return nil, fmt.Errorf("unknown task %q (%s)", name, strict.Choices(name, have))
}

// read parses every card at the root.
func (z *Zoo) read() {
	names, err := fs.Glob(z.fsys, "*.yaml")
	if err != nil {
		z.err = fmt.Errorf("list the model zoo: %w", err)
		return
	}
	seen := map[string]string{}
	for _, name := range names {
		if err := z.card(name, seen); err != nil {
			z.err = fmt.Errorf("model zoo: %w", err)
			return
		}
	}
	sort.Slice(z.cards, func(i, j int) bool { return z.cards[i].Name < z.cards[j].Name })
	sort.Slice(z.data, func(i, j int) bool { return z.data[i].Name < z.data[j].Name })
}

func (z *Zoo) card(name string, seen map[string]string) error {
	b, err := fs.ReadFile(z.fsys, name)
	if err != nil {
		return err
	}
	kind, err := models.CardKind(name, b)
	if err != nil {
		return err
	}
	var called string
	if kind == "data" {
		c, err := models.ParseData(name, b)
		if err != nil {
			return err
		}
		z.data, called = append(z.data, c), c.Name
	} else {
		c, err := models.ParseCard(name, b)
		if err != nil {
			return err
		}
		z.cards, called = append(z.cards, c), c.Name
	}
	if other := seen[called]; other != "" {
		return fmt.Errorf("%s and %s are both called %s", other, name, called)
	}
	seen[called] = name
	return nil
}
