package zoo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"assay/models"
)

// Mirror is the environment variable that names a folder in which files of
// cards are looked for, by the card's path, before they are fetched.
const Mirror = "ASSAY_MIRROR"

// fetchTimeout bounds one download.
const fetchTimeout = 10 * time.Minute

// Artifact returns a variant as a file on this device: embedded bytes are
// written to the cache folder once, under their sha256; a cached file with
// other content is replaced. What is not embedded comes from the mirror or
// the card's URL. Bytes whose sum is not the card's are never returned.
func (z *Zoo) Artifact(model, variant string) (models.Artifact, error) {
	c, err := z.Model(model)
	if err != nil {
		return models.Artifact{}, err
	}
	a, err := c.Artifact(variant)
	if err != nil {
		return models.Artifact{}, err
	}
	v := c.Variants[variant]
	a.Path, err = z.file(v)
	if err != nil {
		return models.Artifact{}, fmt.Errorf("%s %s: %w", model, variant, err)
	}
	return a, nil
}

// Cache returns the folder that holds files of cards, by sha256.
func Cache() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no cache folder: %w (set XDG_CACHE_HOME or HOME)", err)
	}
	return filepath.Join(dir, "assay", "models"), nil
}

// file returns the path of v's bytes in the cache, which it fills if needed.
func (z *Zoo) file(v models.Variant) (string, error) {
	dir, err := Cache()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, v.SHA256+"."+v.Format)
	if b, err := os.ReadFile(path); err == nil && sum(b) == v.SHA256 {
		return path, nil
	}
	b, err := z.bytes(v)
	if err != nil {
		return "", err
	}
	if got := sum(b); got != v.SHA256 {
		return "", fmt.Errorf("%s has sha256 %s, its card says %s", v.File, got, v.SHA256)
	}
	return path, write(path, b)
}

// bytes reads v from the zoo, the mirror or the card's URL.
func (z *Zoo) bytes(v models.Variant) ([]byte, error) {
	b, err := fs.ReadFile(z.fsys, v.File)
	if !errors.Is(err, fs.ErrNotExist) {
		return b, err
	}
	if dir := os.Getenv(Mirror); dir != "" {
		b, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(v.File)))
		if !errors.Is(err, fs.ErrNotExist) {
			return b, err
		}
	}
	if v.URL == "" {
		return nil, fmt.Errorf("%s is not in this build, and its card names no url (%s may name a folder that has it)", v.File, Mirror)
	}
	return fetch(v)
}

// fetch downloads v, at most its stated size.
func fetch(v models.Variant) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, v.URL, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("fetch %s: %w", v.File, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetch %s: server answers %s", v.File, resp.Status)
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, v.Size+1))
	if err != nil {
		return nil, fmt.Errorf("fetch %s: %w", v.File, err)
	}
	return b, nil
}

// write puts b at path by way of a temporary file and a rename, so that
// processes that run at the same time see the whole file or none.
func write(path string, b []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("cache models: %w", err)
	}
	tmp, err := os.CreateTemp(dir, ".part-*")
	if err != nil {
		return fmt.Errorf("cache models: %w", err)
	}
	defer os.Remove(tmp.Name()) // nothing is there after the rename
	_, err = tmp.Write(b)
	if e := tmp.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("cache models: %w", err)
	}
	return nil
}

// Verify compares every file that the card of name states with its sum and
// size. A file that is not in this build is an error that says so.
func (z *Zoo) Verify(name string) []error {
	if d, err := z.Data(name); err == nil {
		return z.verifyData(d)
	}
	c, err := z.Model(name)
	if err != nil {
		return []error{err}
	}
	var errs []error
	for _, vn := range c.VariantNames() {
		v := c.Variants[vn]
		b, err := z.bytes(v)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("%s %s: %w", name, vn, err))
		case sum(b) != v.SHA256:
			errs = append(errs, fmt.Errorf("%s %s: %s has sha256 %s, its card says %s", name, vn, v.File, sum(b), v.SHA256))
		case int64(len(b)) != v.Size:
			errs = append(errs, fmt.Errorf("%s %s: %s has %d bytes, its card says %d", name, vn, v.File, len(b), v.Size))
		}
	}
	return errs
}

func (z *Zoo) verifyData(d *models.DataCard) []error {
	var errs []error
	check := func(file, want string) {
		if file == "" {
			return
		}
		b, err := fs.ReadFile(z.fsys, file)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", d.Name, err))
		} else if sum(b) != want {
			errs = append(errs, fmt.Errorf("%s: %s has sha256 %s, its card says %s", d.Name, file, sum(b), want))
		}
	}
	for _, s := range d.Splits {
		check(s.Images, s.SHA256.Images)
		check(s.Labels, s.SHA256.Labels)
	}
	return errs
}

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}
